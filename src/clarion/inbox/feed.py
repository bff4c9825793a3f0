"""A recipient's own feed: what is in it, how much of it is new, and marking it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from clarion.errors import NotFound
from clarion.store import feed
from clarion.store.feed import Counts, Item, Mark, Show

if TYPE_CHECKING:
    from clarion.store.database import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """What marking did."""

    changed: int
    counts: Counts


async def list_items(
    connection: Connection,
    tenant_id: UUID,
    recipient_id: str,
    *,
    show: Show = Show.INBOX,
    before: int | None = None,
    limit: int,
) -> list[Item]:
    """At most *limit* items, newest first, older than the `seq` *before*.

    Raises `NotFound` for an unknown recipient.
    """
    items = await feed.page(connection, tenant_id, recipient_id, show, before, limit)
    if not items:
        await counts(connection, tenant_id, recipient_id)
    return items


async def counts(connection: Connection, tenant_id: UUID, recipient_id: str) -> Counts:
    """The counts of one feed, in O(1); raises `NotFound` for an unknown recipient."""
    found = await feed.counts(connection, tenant_id, recipient_id)
    if found is None:
        raise NotFound(f"there is no recipient {recipient_id}")
    return found


async def mark(
    connection: Connection, tenant_id: UUID, recipient_id: str, how: Mark, message_ids: Sequence[UUID] | None
) -> Marked:
    """Mark some items, or all that are not archived (None). Call it in a transaction; marking again changes nothing.

    Raises `NotFound` for an unknown recipient; items that are not in this feed are passed over.
    """
    changed = await feed.mark(connection, tenant_id, recipient_id, how, message_ids)
    return Marked(changed=changed, counts=await counts(connection, tenant_id, recipient_id))
