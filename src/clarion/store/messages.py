"""Messages: loading them for delivery, intending, recording what became of them, and showing them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from clarion import sql
from clarion.domain.outcome import Outcome, Reject, Retry, Sent, Uncertain
from clarion.domain.status import RETRYABLE, Status
from clarion.store.database import Connection

_SQL = sql.load(__file__)

_LAST_ID = UUID(int=(1 << 128) - 1)
_NOTHING: Mapping[UUID, int] = {}


class News(NamedTuple):
    """What became of one message, to be recorded. A tuple, as all that is made anew for each message of a broadcast."""

    id: UUID
    #: The status and the number of attempts that the message must still have for the move to hold.
    expected: Status
    number: int
    status: Status
    reason: str | None = None
    provider_id: str | None = None
    possible_duplicate: bool = False
    #: What the attempt came to (``accepted retryable rejected uncertain``); None when none was made.
    attempt: str | None = None
    #: What to note in the timeline besides; None for nothing.
    event: str | None = None


async def load(connection: Connection, ids: Sequence[UUID]) -> Sequence[Mapping[str, Any]]:
    """The messages *ids* with their recipients, for delivery. Those that do not exist are left out."""
    return await connection.fetch(_SQL["load"], ids, min(ids), max(ids))


async def open_attempts(connection: Connection, rows: Mapping[UUID, Mapping[str, Any]]) -> dict[UUID, Outcome]:
    """What is known of the last attempt of each message (rows of `load`) that was found in `sending`.

    Whoever lost the lease may still have written down what the provider said; an attempt that is still an intent may
    have been handed over or not.
    """
    found = await connection.fetch(_SQL["open_attempts"], list(rows), [row["attempts"] for row in rows.values()])
    return {row["message_id"]: _outcome(row) for row in found}


async def readdress(connection: Connection, addresses: Mapping[UUID, str]) -> None:
    """Let these messages, as far as they wait, go to other *addresses*."""
    ids = sorted(addresses)
    await connection.execute(_SQL["readdress"], ids, ids[0], ids[-1], [addresses[id] for id in ids])


async def lock_triggers(connection: Connection, trigger_ids: Sequence[UUID]) -> None:
    """Hold off cancels of these triggers until the transaction ends."""
    await connection.execute(_SQL["lock_triggers"], [lock_key(id) for id in trigger_ids])


async def lock_and_find_cancelled(connection: Connection, trigger_ids: Sequence[UUID]) -> set[UUID]:
    """Hold off cancels of these triggers until the transaction ends; those that were cancelled before."""
    await lock_triggers(connection, trigger_ids)
    return {row["trigger_id"] for row in await connection.fetch(_SQL["cancelled"], trigger_ids)}


def lock_key(trigger_id: UUID) -> int:
    """The advisory lock on which intents and the cancel of one trigger meet: the random end of its id."""
    return (trigger_id.int & ((1 << 64) - 1)) - (1 << 63)


@dataclass(frozen=True, slots=True)
class Intended:
    """Messages that may be handed over now."""

    #: The number of each message's attempt, by its id.
    numbers: Mapping[UUID, int]
    #: How much longer all of them are leased to us.
    remains: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What was held against messages before their intent."""

    #: Where those go whose tenant has suppressions.
    mailboxes: Mapping[UUID, str] = field(default_factory=dict)
    #: The suppressions that were found of these, and do not stop them.
    known: Collection[UUID] = ()
    #: The tenants that are believed to have none.
    free: Collection[UUID] = ()


_NOTHING_HELD = Held()


async def intend(
    connection: Connection,
    claims: Mapping[UUID, int],
    *,
    triggers: Iterable[UUID],
    provider: str,
    worker: str,
    slot: int,
    margin: timedelta,
    held: Held = _NOTHING_HELD,
) -> Intended:
    """Commit that these messages (id → fence of its job) of *triggers* are about to be handed over.

    Left out are those that may not go: their job is somebody else's, cancelled, or leased for less than *margin*; they
    are no longer queued, cancelled, or past their deadline; the address of one that *held* names was suppressed since,
    or its tenant, of which *held* says that it has no suppression, has one.
    It is one round trip and commits by itself, so it must not stand in a transaction: nothing may be handed to a
    provider before it has returned. Raises asyncpg's
    LockNotAvailableError when a lease ran out while locks were waited for; then nothing is intended.
    """
    assert not connection.is_in_transaction()
    ids = sorted(claims)
    locks = [lock_key(id) for id in triggers]
    usual = (ids, [claims[id] for id in ids], locks, provider, worker, slot, margin)
    against = (list(held.mailboxes), list(held.mailboxes.values()), list(held.known), list(held.free))
    row = await connection.fetchrow(_SQL["intend"], *usual, *against)
    assert row is not None
    return Intended(dict(zip(row["ids"], row["numbers"], strict=True)), row["remains"] or timedelta(0))


async def record(
    connection: Connection, news: Sequence[News], *, leaving: Mapping[UUID, int] = _NOTHING, slot: int
) -> tuple[set[UUID], set[UUID]]:
    """Move messages by compare-and-set, close their attempts, and count.

    *leaving* are the fences of claims whose jobs, of the messages' ids, are done with this and leave the queue: where
    somebody else has such a job by now, nothing moves. Answers the ids that moved, and those whose claim was lost.
    """
    if not news:
        return set(), set()
    news = sorted(news, key=lambda n: n.id)
    ids = [n.id for n in news]
    rows = await connection.fetch(
        _SQL["record"],
        ids,
        ids[0],
        ids[-1],
        [n.expected.value for n in news],
        [n.number for n in news],
        [n.status.value for n in news],
        [n.reason for n in news],
        [n.provider_id for n in news],
        [n.possible_duplicate for n in news],
        [n.attempt for n in news],
        [n.event for n in news],
        slot,
        [leaving.get(id) for id in ids],
    )
    return {row["id"] for row in rows if row["moved"]}, {row["id"] for row in rows if row["lost"]}


async def evidence(connection: Connection, news: Sequence[News], claims: Mapping[UUID, int]) -> None:
    """Write down what the provider told us of messages that are not ours to move any more; *claims* were our fences."""
    tried = [n for n in news if n.attempt is not None]
    if tried:
        await connection.execute(
            _SQL["evidence"],
            [n.id for n in tried],
            [n.number for n in tried],
            [n.attempt for n in tried],
            [n.reason for n in tried],
            [n.provider_id for n in tried],
            [claims[n.id] for n in tried],
        )


async def get(connection: Connection, tenant_id: UUID, id: UUID) -> Mapping[str, Any] | None:
    """One message, or None."""
    row: Mapping[str, Any] | None = await connection.fetchrow(_SQL["by_id"], tenant_id, id)
    return row


async def attempts(connection: Connection, tenant_id: UUID, id: UUID) -> Sequence[Mapping[str, Any]]:
    """Every attempt at one message, first to last."""
    return await connection.fetch(_SQL["attempts"], tenant_id, id)


async def events(connection: Connection, tenant_id: UUID, id: UUID) -> Sequence[Mapping[str, Any]]:
    """Every decision noted about one message, first to last."""
    return await connection.fetch(_SQL["events"], tenant_id, id)


async def list_(
    connection: Connection,
    tenant_id: UUID,
    *,
    before: UUID | None = None,
    limit: int = 50,
    trigger_id: UUID | None = None,
    recipient_id: str | None = None,
    workflow_key: str | None = None,
    channel: str | None = None,
    status: str | None = None,
) -> Sequence[Mapping[str, Any]]:
    """Messages, newest first, that match every filter given."""
    return await connection.fetch(
        _SQL["list"],
        tenant_id,
        before or _LAST_ID,
        limit,
        trigger_id,
        recipient_id,
        workflow_key,
        channel,
        status,
    )


async def requeue(connection: Connection, tenant_id: UUID, id: UUID, *, old: Status, expires_at: datetime) -> bool:
    """Queue a message that ended as *old* once more; False when it is no longer *old*."""
    assert old in RETRYABLE
    row = await connection.fetchrow(_SQL["requeue"], tenant_id, id, [old.value], expires_at)
    if row is None:
        return False
    await connection.execute(_SQL["count"], tenant_id, row["trigger_id"], row["channel"], old.value)
    return True


async def note(connection: Connection, tenant_id: UUID, id: UUID, kind: str, detail: str | None = None) -> None:
    """Add a decision to a message's timeline."""
    await connection.execute(_SQL["note"], tenant_id, id, kind, detail)


async def waiting_of_trigger(connection: Connection, trigger_id: UUID, after: UUID, limit: int) -> list[UUID]:
    """A page of the ids of a trigger's messages that are queued, in order, beginning behind *after*."""
    return [row["id"] for row in await connection.fetch(_SQL["waiting_of_trigger"], trigger_id, after, limit)]


def _outcome(attempt: Mapping[str, Any]) -> Outcome:
    match attempt["status"]:
        case "accepted":
            return Sent(attempt["provider_message_id"])
        case "rejected":
            return Reject(attempt["reason"])
        case "retryable":
            return Retry(attempt["reason"])
        case _:
            return Uncertain("the worker that was sending it died or lost its lease")
