"""Triggers: accepting one, its pages of recipients, its counts, its end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from clarion import ids, sql
from clarion.domain.status import Status
from clarion.store.database import Connection
from clarion.store.messages import lock_key

_SQL = sql.load(__file__)

_LAST_ID = UUID(int=(1 << 128) - 1)

#: {channel: {status: how many}}
Counts = dict[str, dict[str, int]]


class Overtaken(Exception):
    """A trigger is not as it was when its page was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTrigger:
    """A trigger to accept, checked."""

    tenant_id: UUID
    workflow_key: str
    workflow_version_id: UUID
    priority: int
    expires_at: datetime
    #: Whether the request named its deadline: then it holds behind delays too.
    expires_given: bool = False
    id: UUID = field(default_factory=ids.new)
    recipient_ids: Sequence[str] = ()
    topic_keys: Sequence[str] = ()
    #: Narrows the workflow's channels; None for all of them.
    channels: Sequence[str] | None = None
    payload: Mapping[str, object] = field(default_factory=dict)
    metadata: Mapping[str, object] = field(default_factory=dict)
    transaction_id: str | None = None
    idempotency_key: str | None = None
    request_hash: bytes | None = None
    traceparent: str | None = None
    send_at: datetime | None = None
    #: What `Reference.to_json` says of each file that goes with its mails.
    attachments: Sequence[Mapping[str, str]] = ()
    #: Whether all of it happens, and nothing leaves.
    sandbox: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Expanded:
    """How far one trigger got with one page."""

    id: UUID
    #: The cursor behind which the page lies, and the one after it.
    behind: str
    cursor: str
    more: int
    last: bool
    #: Whether a run of this page waits.
    waits: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What a request names, as it is stored."""

    #: The workflow's current version; None when there is no such workflow.
    version_id: UUID | None
    #: Recipients that nobody knows, sorted.
    unknown: Sequence[str]
    #: Topics that exist.
    topics: Sequence[str]


async def names(
    connection: Connection, tenant_id: UUID, workflow_key: str, recipient_ids: Sequence[str], topic_keys: Sequence[str]
) -> Names:
    """Look up everything that a request names."""
    row = await connection.fetchrow(_SQL["names"], tenant_id, workflow_key, recipient_ids, topic_keys)
    assert row is not None
    return Names(version_id=row["version_id"], unknown=row["unknown"], topics=row["topics"])


async def accept(connection: Connection, trigger: NewTrigger, *, queue: str, kind: str, lane: int) -> bool:
    """Store *trigger* together with the job that will expand it (of its id), due at its `send_at` or at once.

    False, and nothing is stored, when its version is not the current one of its workflow, or when a recipient or a
    topic of it does not exist: ask `names` which.
    Raises asyncpg's UniqueViolationError when its idempotency key is taken: hold `lock_idempotency_key`.
    """
    t = trigger
    stored = await connection.fetchval(
        _SQL["accept"],
        *(t.id, t.tenant_id, t.workflow_key, t.workflow_version_id, t.priority, t.recipient_ids, t.topic_keys),
        *(t.channels, t.payload, t.metadata, t.transaction_id, t.idempotency_key, t.request_hash, t.traceparent),
        *(t.send_at, t.expires_at, len(t.recipient_ids), queue, kind, lane),
        *(t.expires_given, t.attachments, t.sandbox),
    )
    return stored is not None


async def lock_idempotency_key(connection: Connection, tenant_id: UUID, key: str) -> bool:
    """Keep other requests with *key* out until the transaction ends; False when one is being answered just now."""
    locked: bool = await connection.fetchval(_SQL["lock_idempotency_key"], str(tenant_id), key)
    return locked


async def by_idempotency_key(connection: Connection, tenant_id: UUID, key: str) -> Mapping[str, Any] | None:
    """The trigger (id, status, request_hash) that was accepted under *key*, or None."""
    row: Mapping[str, Any] | None = await connection.fetchrow(_SQL["by_idempotency_key"], tenant_id, key)
    return row


async def load(connection: Connection, trigger_ids: Iterable[UUID]) -> dict[UUID, Mapping[str, Any]]:
    """Whole triggers by id, each with `tombstone`: whether it was cancelled; and with `now`, the database's time."""
    return {row["id"]: row for row in await connection.fetch(_SQL["load"], list(trigger_ids))}


async def page(
    connection: Connection,
    trigger_ids: Sequence[UUID],
    size: int,
    *,
    with_devices: bool = False,
    with_webhooks: bool = False,
) -> Sequence[Mapping[str, Any]]:
    """The next at most *size* recipients of each trigger behind its cursor, in the order of trigger and recipient.

    A recipient that was deleted meanwhile comes with `known` false. `devices` and `webhooks` are None unless asked for.
    """
    return await connection.fetch(_SQL["page"], trigger_ids, size, with_devices, with_webhooks)


async def expanded(connection: Connection, pages: Sequence[Expanded]) -> bool:
    """Move the cursors over pages whose messages are written in the same transaction.

    False when one of them has moved already or its trigger is cancelled: then the transaction must not commit.
    """
    moved = await connection.fetch(
        _SQL["expanded"],
        [p.id for p in pages],
        [p.cursor for p in pages],
        [p.more for p in pages],
        [p.last for p in pages],
        [p.behind for p in pages],
        [p.waits for p in pages],
    )
    return len(moved) == len(pages)


async def count(connection: Connection, new: Mapping[tuple[UUID, UUID, str], tuple[int, int]], *, slot: int) -> None:
    """Add new messages to the counts: (trigger, tenant, channel) → (queued, skipped)."""
    if not new:
        return
    triggers, tenants, channels = zip(*new, strict=True)
    queued, skipped = zip(*new.values(), strict=True)
    await connection.execute(_SQL["count"], triggers, tenants, channels, queued, skipped, slot)


async def complete(connection: Connection, after: UUID, limit: int) -> tuple[UUID | None, list[UUID]]:
    """Complete those of the next *limit* running triggers behind *after* of which nothing is open.

    Answers where to go on (None: from the beginning) and the ids of the completed.
    """
    row = await connection.fetchrow(_SQL["complete"], after, limit)
    assert row is not None
    return (row["last"] if row["seen"] == limit else None), list(row["completed"])


async def get(connection: Connection, tenant_id: UUID, id: UUID) -> Mapping[str, Any] | None:
    """One trigger, or None."""
    row: Mapping[str, Any] | None = await connection.fetchrow(_SQL["get"], tenant_id, id)
    return row


async def list_(
    connection: Connection,
    tenant_id: UUID,
    *,
    before: UUID | None = None,
    limit: int = 50,
    workflow_key: str | None = None,
    status: str | None = None,
    transaction_id: str | None = None,
) -> Sequence[Mapping[str, Any]]:
    """Triggers, newest first, that match every filter given."""
    return await connection.fetch(
        _SQL["list"], tenant_id, before or _LAST_ID, limit, workflow_key, status, transaction_id
    )


async def counts(connection: Connection, triggers: Sequence[Mapping[str, Any]]) -> dict[UUID, Counts]:
    """How many messages of each trigger (rows of `get` or `list_`) are in each status, by channel.

    What was folded into the trigger at its end, plus what moved since.
    """
    totals: dict[UUID, Counts] = {row["id"]: _copy(row["counts"]) for row in triggers}
    for row in await connection.fetch(_SQL["counts"], list(totals)):
        channel = totals[row["trigger_id"]].setdefault(row["channel"], dict.fromkeys(map(str, Status), 0))
        for status in Status:
            channel[status.value] += row[status.value]
    return totals


async def cancel(connection: Connection, tenant_id: UUID, id: UUID) -> bool:
    """Write the tombstone that expansion and intents read; False when there is nothing left to cancel.

    Waits for intents that are committing: after this transaction has committed none can.
    """
    await connection.execute(_SQL["lock_for_cancel"], lock_key(id))
    if await connection.fetchval(_SQL["cancel"], tenant_id, id) is None:
        return False
    await connection.execute(_SQL["tombstone"], tenant_id, id)
    return True


def _copy(counts: Counts | None) -> Counts:
    return {channel: dict(by_status) for channel, by_status in (counts or {}).items()}
