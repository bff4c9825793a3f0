"""Who is not written to: looked up when messages are about to be handed over, as late as can be.

Tenants that have no suppression at all pay next to nothing for it: that they have none is believed for a minute, and
the intent itself looks whether it is still so, once for each tenant of a list. What is suppressed between the look and
the intent is seen by the intent as well: it leaves such messages out, and they are looked at anew. So every suppression
holds at once, the first one of a tenant too. What has an intent by then goes out (PROMISES P16).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final
from uuid import UUID

from clarion import clock
from clarion.domain.suppression import SoftRule, Suppression, is_critical, mailbox_of, stopping
from clarion.domain.workflow import Workflow
from clarion.flows.contexts import Context
from clarion.queue.job import Job
from clarion.store import suppressions
from clarion.store.database import Connection
from clarion.store.messages import Held
from clarion.store.suppressions import Place

#: How long it is believed that a tenant has no suppression, which the intent makes sure of; and how long that it has
#: some, when it may have lifted the last meanwhile.
_BELIEVED_FOR_S: Final = 60.0
#: Tenants that are kept in mind; of more, all are asked for anew.
_MOST_TENANTS: Final = 10_000

_NOBODY: Final[Mapping[UUID, Suppression]] = {}


class Suppressed:
    """Says of messages whether they may go. One for all channels of a process."""

    def __init__(self, *, critical: Collection[str] = (), soft: SoftRule | None = None) -> None:
        """*critical* are the categories whose messages nobody can unsubscribe from; *soft* is kept for who learns."""
        self.critical = frozenset(critical)
        self.soft = soft or SoftRule()
        #: Whether a tenant has any suppression, and until when (monotonic) that is believed.
        self._known: dict[UUID, tuple[bool, float]] = {}

    async def find(
        self,
        connection: Connection,
        jobs: Mapping[UUID, Job],
        rows: Mapping[UUID, Mapping[str, Any]],
        contexts: Mapping[UUID, Context],
        ids: Collection[UUID],
    ) -> tuple[Mapping[UUID, Suppression], Held]:
        """Why those of the messages *ids* that must not go must not; *rows* are those of `messages.load`.

        With what was held against the others, for the intent to see what was suppressed since.
        """
        tenants = {job.tenant_id for job in jobs.values()}
        guarded = await self._guarded(connection, tenants) if ids else set[UUID]()
        if not guarded:
            return _NOBODY, Held(free=tenants)
        free = tenants - guarded
        asked = {
            id: Place(row["tenant_id"], mailbox_of(row["channel"], row["address"]), row["channel"])
            for id in ids
            if (row := rows[id])["tenant_id"] in guarded and row["address"]
        }
        if not asked:
            return _NOBODY, Held(free=free)
        listed = list(asked)
        stopped: dict[UUID, Suppression] = {}
        known: set[UUID] = set()
        for number, found in (await suppressions.find(connection, list(asked.values()))).items():
            workflow = contexts[listed[number]].version.workflow
            one = stopping(
                (each for _, each in found),
                category=workflow.category,
                critical=is_critical(workflow, self.critical),
            )
            if one is not None:
                stopped[listed[number]] = one
            known.update(id for id, _ in found)
        mailboxes = {id: place.mailbox for id, place in asked.items() if id not in stopped}
        return stopped, Held(mailboxes=mailboxes, known=known, free=free)

    def forget(self, tenant_ids: Iterable[UUID]) -> None:
        """Something was just learnt of addresses of these tenants: what is known of them is asked for anew."""
        for tenant_id in tenant_ids:
            self._known.pop(tenant_id, None)

    async def _guarded(self, connection: Connection, tenants: Collection[UUID]) -> set[UUID]:
        now, known = clock.monotonic(), self._known
        unknown = [tenant for tenant in tenants if known.get(tenant, _UNKNOWN)[1] <= now]
        if unknown:
            some = await suppressions.guarded(connection, unknown)
            if len(known) > _MOST_TENANTS:
                self._known = known = {tenant: known[tenant] for tenant in tenants if tenant in known}
            for tenant in unknown:
                known[tenant] = (tenant in some, now + _BELIEVED_FOR_S)
        return {tenant for tenant in tenants if known[tenant][0]}


_UNKNOWN: Final = (False, 0.0)


async def stops(
    connection: Connection, tenant_id: UUID, channel: str, address: str, workflow: Workflow, critical: Collection[str]
) -> tuple[UUID, str] | None:
    """What stops a message of *workflow* to one address, with its id, or None: for who asks about a single one."""
    found = await suppressions.find(connection, [Place(tenant_id, mailbox_of(channel, address), channel)])
    one = stopping(
        (each for _, each in found.get(0, ())),
        category=workflow.category,
        critical=is_critical(workflow, critical),
    )
    return None if one is None else next((id, str(one)) for id, each in found[0] if each is one)
