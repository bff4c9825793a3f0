"""A recipient's own feed: what is in it, how much of it is new, and marking it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from clarion.domain.feed_name import feed_name
from clarion.errors import NotFound
from clarion.flows import snoozes
from clarion.store import feed, feed_changes
from clarion.store.feed import Counts, Item, Mark, Show
from clarion.store.feed_changes import Feed

if TYPE_CHECKING:
    from clarion.store.database import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """What marking did."""

    changed: int
    counts: Counts
    #: What is to be rung for after the commit; empty when nothing changed.
    name: str


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
    connection: Connection,
    tenant_id: UUID,
    recipient_id: str,
    how: Mark,
    message_ids: Sequence[UUID] | None,
    *,
    until: datetime | None = None,
) -> Marked:
    """Mark some items, or all that are neither archived nor snoozed (None); snoozed ones come back at *until*.

    Call it in a transaction; marking again changes nothing. Raises `NotFound` for an unknown recipient; items that are
    not in this feed are passed over.
    """
    changed = await feed.mark(connection, tenant_id, recipient_id, how, message_ids, until=until)
    if how is Mark.SNOOZE and until is not None:
        await snoozes.add(connection, tenant_id, recipient_id, changed, until)
    name = feed_name(tenant_id, recipient_id) if changed else ""
    return Marked(changed=len(changed), counts=await counts(connection, tenant_id, recipient_id), name=name)


async def changes(
    connection: Connection, tenant_id: UUID, recipient_id: str, after: int, limit: int
) -> tuple[Counts, list[Item] | None]:
    """How the feed stands and what changed after the number *after*; None when that is more than *limit* items.

    Raises `NotFound` for an unknown recipient.
    """
    one = Feed(tenant_id, recipient_id)
    found = (await feed_changes.changes(connection, {one: after}, limit + 1)).get(one)
    if found is None:
        stands = await counts(connection, tenant_id, recipient_id)
        return stands, [] if after == stands.rev else None
    too_much = len(found.items) > limit or found.counts.rev < after
    return found.counts, None if too_much else found.items
