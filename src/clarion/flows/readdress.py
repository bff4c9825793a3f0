"""A message whose address bounced goes to the next verified one of its recipient: so that who has several is reached.

Only where the address itself is dead, or came back too often: who has unsubscribed or complained is not written to
elsewhere for it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from clarion.channels.base import Item
from clarion.domain.feedback import Feedback
from clarion.domain.status import Status
from clarion.domain.suppression import CHANNELS, Reason, Suppression, is_critical, mailbox_of, stopping
from clarion.domain.verdict import to_next_address
from clarion.errors import Invalid
from clarion.flows.compose import Compose, Rows, not_composed
from clarion.flows.contexts import Context
from clarion.flows.endings import Ending
from clarion.flows.suppressed import Suppressed
from clarion.queue.job import Job, storable
from clarion.store import contacts, messages, routing, suppressions
from clarion.store.contacts import Reached
from clarion.store.database import Connection, Pool
from clarion.store.suppressions import Place

if TYPE_CHECKING:
    from clarion.flows.batch import Batch

#: These say of an address that it is of no use, and nothing of what the recipient wants.
BOUNCED: Final = frozenset({Reason.HARD_BOUNCE, Reason.SOFT_BOUNCES})


async def next_addresses(
    connection: Connection,
    rows: Rows,
    contexts: Mapping[UUID, Context],
    ids: Sequence[UUID],
    critical: Collection[str],
) -> dict[UUID, str]:
    """The next verified address of the recipients of messages, to which nothing stops them; others are left out."""
    asked = [id for id in ids if rows[id]["channel"] in CHANNELS and rows[id]["address"]]
    found = await contacts.others(connection, [_reached(rows[id]) for id in asked])
    places = [(asked[number], address) for number, some in found.items() for address in some]
    stops = await suppressions.find(connection, [_place(rows[id], address) for id, address in places]) if places else {}
    chosen: dict[UUID, str] = {}
    for number, (id, address) in enumerate(places):
        workflow = contexts[id].version.workflow
        said = (one for _, one in stops.get(number, ()))
        if stopping(said, category=workflow.category, critical=is_critical(workflow, critical)) is None:
            chosen.setdefault(id, address)
    return chosen


async def readdress(
    connection: Connection,
    jobs: Mapping[UUID, Job],
    batch: Batch[Item],
    stopped: Mapping[UUID, Suppression],
    compose: Compose[Item],
    critical: Collection[str],
) -> Mapping[UUID, Suppression]:
    """Let those of the messages *stopped* whose address bounced go to the next one; what stops the others."""
    bounced = [id for id, why in stopped.items() if why.reason in BOUNCED]
    if not bounced:
        return stopped
    chosen = await next_addresses(connection, batch.rows, batch.contexts, bounced, critical)
    if not chosen:
        return stopped
    why = [storable(f"instead of {batch.rows[id]['address']}: {stopped[id]}") for id in chosen]
    async with connection.transaction():
        await messages.readdress(connection, chosen)
        tenants = [batch.rows[id]["tenant_id"] for id in chosen]
        await routing.note(connection, tenants, list(chosen), "readdressed", why)
    batch.rows = {**batch.rows, **{id: {**batch.rows[id], "address": to} for id, to in chosen.items()}}
    for id in chosen:
        row = batch.rows[id]
        try:
            batch.items[id] = compose(row, batch.contexts[id])
        except Invalid as error:
            del batch.items[id]
            batch.endings.append(Ending(jobs[id], Status.QUEUED, row["attempts"], not_composed(error)))
    return {id: one for id, one in stopped.items() if id not in chosen}


async def spare(pool: Pool, batch: Batch[Item], endings: list[Ending], suppressed: Suppressed) -> list[Ending]:
    """*endings*, where those that bounced just now are tried again if their recipient has another verified address."""
    bounced = [one.job.id for one in endings if one.verdict.feedback is Feedback.HARD_BOUNCE]
    bounced = [id for id in bounced if batch.rows[id]["channel"] in CHANNELS]
    if not bounced:
        return endings
    async with pool.acquire() as connection:
        others = await next_addresses(connection, batch.rows, batch.contexts, bounced, suppressed.critical)
    suppressed.forget({batch.rows[id]["tenant_id"] for id in others})
    return [
        one._replace(verdict=to_next_address(one.verdict))
        if one.job.id in others and one.verdict.status is Status.FAILED
        else one
        for one in endings
    ]


def _reached(row: Mapping[str, Any]) -> Reached:
    return Reached(row["tenant_id"], row["recipient_id"], row["channel"], mailbox_of(row["channel"], row["address"]))


def _place(row: Mapping[str, Any], address: str) -> Place:
    return Place(row["tenant_id"], mailbox_of(row["channel"], address), row["channel"])
