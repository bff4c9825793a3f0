"""Feeds as their recipients have them; `feed_delivery` fills them. A row of counters always equals the rows.

Whoever changes a recipient's feed locks their counter row first, so changes to one feed follow one another and the
counters are exact; feeds of different recipients never wait for each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from clarion import sql

if TYPE_CHECKING:
    from clarion.store.database import Connection

_SQL = sql.load(__file__)

_NEWEST = 2**63 - 1


class Mark(StrEnum):
    """What a recipient may do with an item."""

    SEEN = "seen"
    READ = "read"  #: an item that is read has been seen
    UNREAD = "unread"
    ARCHIVE = "archive"  #: one that is snoozed is so no longer
    UNARCHIVE = "unarchive"
    SNOOZE = "snooze"  #: until a time, in which it is in no count; one that is archived stays as it is
    UNSNOOZE = "unsnooze"
    WAKE = "wake"  #: the time has come: it is new again, neither seen nor read


class Show(StrEnum):
    """Which items a list has."""

    INBOX = "inbox"  #: all that is neither archived nor snoozed
    UNREAD = "unread"  #: of that, what is not read
    SNOOZED = "snoozed"
    ARCHIVED = "archived"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An item as stored. `seq` rises by one with each item of the recipient, `rev` with each change of any of them."""

    message_id: UUID
    seq: int
    rev: int
    workflow_key: str
    category: str | None
    title: str
    body: str
    url: str | None
    data: Mapping[str, object]
    created_at: datetime
    seen_at: datetime | None
    read_at: datetime | None
    archived_at: datetime | None
    snoozed_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many items are neither archived nor snoozed: in all, not seen, not read; and the last `rev`."""

    total: int
    unseen: int
    unread: int
    rev: int


async def page(
    connection: Connection, tenant_id: UUID, recipient_id: str, show: Show, before: int | None, limit: int
) -> list[Item]:
    """At most *limit* items, newest first, older than *before* (a `seq`; None: from the newest on)."""
    newer = _NEWEST if before is None else before
    rows = await connection.fetch(_SQL[f"page_{show.value}"], tenant_id, recipient_id, newer, limit)
    return [Item(**dict(row)) for row in rows]


async def counts(connection: Connection, tenant_id: UUID, recipient_id: str) -> Counts | None:
    """The counters of one feed, from one row; None when there is no such recipient."""
    row = await connection.fetchrow(_SQL["counts"], tenant_id, recipient_id)
    return Counts(**dict(row)) if row else None


async def mark(
    connection: Connection,
    tenant_id: UUID,
    recipient_id: str,
    mark: Mark,
    message_ids: Sequence[UUID] | None,
    *,
    until: datetime | None = None,
) -> list[UUID]:
    """Mark items of one feed (None: all that are neither archived nor snoozed); those that changed.

    *until* is for `Mark.SNOOZE`. Call it in a transaction. What is marked already, or not in this feed, is passed over.
    """
    if not await _lock(connection, tenant_id, recipient_id):
        return []  # nothing was ever delivered to them
    if message_ids is None:
        rows = await connection.fetch(_SQL["present"], tenant_id, recipient_id)
        message_ids = [row["message_id"] for row in rows]
    changed: list[UUID] = await connection.fetchval(
        _SQL["mark"], tenant_id, recipient_id, list(message_ids), mark.value, until
    )
    return changed


async def wake(connection: Connection, tenant_id: UUID, recipient_id: str, message_ids: Sequence[UUID]) -> list[UUID]:
    """Of these items, bring those back whose snooze is over; which they are. Call it in a transaction."""
    if not await _lock(connection, tenant_id, recipient_id):
        return []
    rows = await connection.fetch(_SQL["due"], tenant_id, recipient_id, list(message_ids))
    return await mark(connection, tenant_id, recipient_id, Mark.WAKE, [row["message_id"] for row in rows])


async def _lock(connection: Connection, tenant_id: UUID, recipient_id: str) -> bool:
    return await connection.fetchval(_SQL["lock"], tenant_id, recipient_id) is not None
