"""Redriving what lies in quarantine: it is read again, by the bindings as they are now, and acts at last; or stays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog

from clarion import clock, ids
from clarion.brokers.base import Delivery
from clarion.domain.action import told
from clarion.domain.binding import Binding
from clarion.domain.event_reading import storable
from clarion.errors import Conflict, NotFound
from clarion.flows import bindings as published
from clarion.flows.act import Act
from clarion.flows.ingest_bugs import Bugs, is_bug, is_of_data
from clarion.flows.reading import Binding as Ready
from clarion.flows.reading import Origin, Reading, read
from clarion.store import bindings, inbound, quarantine
from clarion.store.database import Connection

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Redriven:
    """What became of one message."""

    #: What it has become, if it was of use now.
    triggers: Sequence[UUID] = ()
    #: Why it stays where it is.
    reason: str | None = None


class _Still(Exception):
    """It cannot be used now either."""


class Redrive:
    """Gives messages of one tenant another chance. Made for one request: it reads the bindings once."""

    def __init__(self, act: Act, tenant_id: UUID, *, wake: Callable[[str], None]) -> None:
        """*wake* is called after a commit with each queue that has new jobs."""
        self._act = act
        self._tenant_id = tenant_id
        self._wake = wake
        self._bugs = Bugs("the API")
        self._by_source: Mapping[str, list[Ready]] | None = None

    async def __call__(self, connection: Connection, id: UUID) -> Redriven:
        """Try message *id* again.

        Raises `NotFound`; `Conflict` when it was redriven before, is too large to have been kept whole
        (``not_redrivable``), or no binding listens to its source any more (``no_binding``).
        """
        shown = ids.show(ids.Prefix.QUARANTINE, id)
        row = await quarantine.get(connection, self._tenant_id, id)
        if row is None:
            raise NotFound(f"There is nothing called {shown} in quarantine.")
        if row["size"] > len(row["body"]):
            kept = f"only its first {len(row['body']):,} of {row['size']:,} bytes were kept"
            raise Conflict(f"{shown} cannot be redriven: {kept}.", code="not_redrivable")
        listening = (await self._bindings(connection)).get(row["source"])
        if not listening:
            raise Conflict(f"No binding listens to {row['source']}: publish one first.", code="no_binding")
        origin = Origin(tenant_id=self._tenant_id, source=row["source"], number=row["number"])
        delivery = Delivery(
            id=row["message_id"], body=bytes(row["body"]), subject=row["subject"], headers=row["headers"]
        )
        reading = read(origin, listening, row["inbound_id"], delivery, clock.now())
        try:
            triggers = await self._commit(connection, row, reading)
        except _Still as still:
            return await self._stays(connection, id, str(still))
        except Conflict:
            raise
        except Exception as error:
            if is_bug(error):
                bug = self._bugs.tell(row["source"], error, quarantined=shown)
                return await self._stays(connection, id, bug.reason(1, "the API"))
            if not is_of_data(error):
                raise
            return await self._stays(connection, id, f"cannot_be_stored: {error}")
        log.info("source.redriven", source=row["source"], quarantined=shown, triggers=len(triggers))
        return Redriven(triggers=triggers)

    async def many(self, connection: Connection, chosen: Iterable[UUID]) -> tuple[int, int]:
        """Try *chosen* again, one after the other: how many acted now, and how many stay."""
        acted = stays = 0
        for id in chosen:
            try:
                stayed = (await self(connection, id)).reason is not None
            except Conflict:
                stayed = True
            except NotFound:
                continue
            acted, stays = acted + (not stayed), stays + stayed
        return acted, stays

    async def _commit(self, connection: Connection, row: Mapping[str, Any], reading: Reading) -> list[UUID]:
        if reading.reason is not None:
            raise _Still(reading.reason)
        if reading.bug is not None:
            raise reading.bug
        async with connection.transaction():
            if not await quarantine.take(connection, self._tenant_id, row["id"]):
                shown = ids.show(ids.Prefix.QUARANTINE, row["id"])
                raise Conflict(f"{shown} was redriven already.", code="already_redriven")
            doings = await self._act(connection, reading.deeds)
            for done in doings.done:
                if done.error is not None:
                    raise _Still(f"{done.error.code}: {done.error.message}")
            triggers = [done.trigger_id for done in doings.done if done.trigger_id is not None]
            did = [said for deed in reading.deeds if (said := told(deed.action)) is not None]
            await inbound.redriven(connection, self._tenant_id, row["inbound_id"], triggers, did)
            await quarantine.redriven(connection, self._tenant_id, row["id"])
        for queue in doings.queues:
            self._wake(queue)
        return triggers

    async def _stays(self, connection: Connection, id: UUID, reason: str) -> Redriven:
        await quarantine.still(connection, self._tenant_id, id, storable(reason))
        return Redriven(reason=reason)

    async def _bindings(self, connection: Connection) -> Mapping[str, list[Ready]]:
        """The tenant's bindings by the sources that they listen to."""
        if self._by_source is None:
            found: dict[str, list[Ready]] = {}
            for row in await bindings.of_tenants(connection, [self._tenant_id]):
                binding = Binding.from_json(row["definition"])
                if binding.source is not None:
                    found.setdefault(binding.source.name, []).append(published.make_ready(binding))
            self._by_source = found
        return self._by_source
