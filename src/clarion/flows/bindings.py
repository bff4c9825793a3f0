"""Published bindings, ready for use: compiled once, looked at anew when somebody publishes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog

from clarion import clock
from clarion.domain.binding import Binding
from clarion.domain.binding_compiled import Compiled, compile_binding
from clarion.domain.expression_text import EVENT
from clarion.domain.own_event import OwnEvent
from clarion.domain.source import Source
from clarion.errors import Invalid
from clarion.store import bindings
from clarion.store.database import Connection, Pool

log = structlog.get_logger()

#: What was looked at less long ago is not looked at again by `keep_up`: as often as workers look.
_LATELY_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A binding of one tenant, compiled."""

    tenant_id: UUID
    version: int
    compiled: Compiled

    @property
    def key(self) -> str:
        return self.compiled.binding.key


def make_ready(binding: Binding) -> Compiled:
    """*binding* with its expressions and texts compiled; raises `Invalid` with every fault."""
    from clarion.templates.text import Text  # the engine takes 0.2 s to import

    return compile_binding(binding, lambda text: Text(text, EVENT.roots))


class Bindings:
    """The bindings of all tenants, as of the last `refresh`. A duty of every worker calls it every other second."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._revisions: dict[UUID, int] = {}
        self._by_tenant: dict[UUID, list[Bound]] = {}
        self._listening: dict[tuple[UUID, str], list[Bound]] = {}
        #: On the monotonic clock.
        self._looked_at: float | None = None
        #: Rises whenever something has changed: for who keeps something made from them.
        self.revision = 0

    async def refresh(self) -> bool:
        """Read what was published since the last time; whether anything has changed."""
        async with self._pool.acquire() as connection:
            revisions = await bindings.revisions(connection)
            changed = [tenant for tenant, revision in revisions.items() if self._revisions.get(tenant) != revision]
            changed += [tenant for tenant in self._revisions if tenant not in revisions]
            if not changed:
                return False
            self._by_tenant = {t: bound for t, bound in self._by_tenant.items() if t not in changed}
            self._by_tenant |= await self._read(connection, changed)
        self._revisions = revisions
        self._listening = _listening(self._by_tenant)
        self.revision += 1
        return True

    async def run_once(self) -> int:
        """`refresh`, as a duty."""
        return int(await self.refresh())

    async def keep_up(self) -> None:
        """`refresh`, unless somebody here has just done so or is about to: for a process that has no duties."""
        before, now = self._looked_at, clock.monotonic()
        if before is not None and now - before < _LATELY_S:
            return
        self._looked_at = now
        try:
            await self.refresh()
        except BaseException:
            self._looked_at = before
            raise

    def listening(self, tenant_id: UUID, type: str) -> Sequence[Bound]:
        """The bindings of a tenant that hear its own events of this *type*: nearly always none, and that is quick."""
        return self._listening.get((tenant_id, type), ())

    @property
    def hear(self) -> bool:
        """Whether any binding of any tenant hears an own event."""
        return bool(self._listening)

    def sources(self) -> Mapping[tuple[UUID, str], tuple[Source, list[Bound]]]:
        """What is listened to at brokers, by tenant and the source's name, each with the bindings it feeds."""
        found: dict[tuple[UUID, str], tuple[Source, list[Bound]]] = {}
        for tenant_id, all_bound in self._by_tenant.items():
            for bound in all_bound:
                source = bound.compiled.binding.source
                if source is not None:
                    found.setdefault((tenant_id, source.name), (source, []))[1].append(bound)
        return found

    async def _read(self, connection: Connection, tenants: Sequence[UUID]) -> dict[UUID, list[Bound]]:
        read: dict[UUID, list[Bound]] = defaultdict(list)
        for row in await bindings.of_tenants(connection, tenants):
            try:
                compiled = make_ready(Binding.from_json(row["definition"]))
            except (Invalid, TypeError, KeyError, ValueError) as error:
                # Checked when it was published: by a version that knew more, or less.
                log.error("binding.unusable", tenant=str(row["tenant_id"]), binding=row["key"], error=str(error))
                continue
            read[row["tenant_id"]].append(Bound(tenant_id=row["tenant_id"], version=row["version"], compiled=compiled))
        return read


def _listening(by_tenant: Mapping[UUID, Sequence[Bound]]) -> dict[tuple[UUID, str], list[Bound]]:
    found: dict[tuple[UUID, str], list[Bound]] = defaultdict(list)
    for tenant_id, all_bound in by_tenant.items():
        for bound in all_bound:
            if isinstance(bound.compiled.binding.on, OwnEvent):
                found[tenant_id, bound.compiled.binding.on.type].append(bound)
    return dict(found)
