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

    READ = "read"  #: an item that is read has been seen
    ARCHIVE = "archive"


class Show(StrEnum):
    """Which items a list has."""

    INBOX = "inbox"  #: all that is not archived
    UNREAD = "unread"  #: not archived, not read
    ARCHIVED = "archived"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An item as stored. `seq` rises by one with each item of the recipient."""

    message_id: UUID
    seq: int
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many items are not archived: in all, not seen, not read."""

    total: int
    unseen: int
    unread: int


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
    connection: Connection, tenant_id: UUID, recipient_id: str, mark: Mark, message_ids: Sequence[UUID] | None
) -> int:
    """Mark items of one feed (None: all that are not archived); how many changed. Call it in a transaction.

    What is marked already, or is not in this feed, is passed over.
    """
    if await connection.fetchval(_SQL["lock"], tenant_id, recipient_id) is None:
        return 0  # nothing was ever delivered to them
    if message_ids is None:
        changed = await connection.fetchval(_SQL[f"{mark.value}_all"], tenant_id, recipient_id)
    else:
        changed = await connection.fetchval(_SQL[f"{mark.value}_some"], tenant_id, recipient_id, list(message_ids))
    return int(changed)
