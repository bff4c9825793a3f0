"""A recipient's feed over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from clarion import ids
from clarion.api import faults
from clarion.api.operation import Answer, Call, Operation, page, position
from clarion.api.schema.feed import FeedCountsReply, FeedQuestion, FeedReply, FeedSelection, MarkedReply
from clarion.api.services import Services
from clarion.domain.scope import Scope
from clarion.errors import BadId, Fault
from clarion.ids import Prefix
from clarion.inbox import feed
from clarion.store.feed import Counts, Item, Mark, Show


async def list_items(services: Services, call: Call[FeedQuestion]) -> Answer:
    """A page, newest first."""
    asked = call.input
    after = position(services, call, asked.after)
    async with services.connection() as connection:
        items = await feed.list_items(
            connection,
            call.tenant_id,
            call.path["id"],
            show=Show(asked.status),
            before=int(after) if after else None,
            limit=asked.limit + 1,
        )
    shown = items[: asked.limit]
    more = str(shown[-1].seq) if len(items) > asked.limit else None
    return page(services, call, [_shown(item) for item in shown], more)


async def count_items(services: Services, call: Call[None]) -> Answer:
    """The counters."""
    async with services.connection() as connection:
        counts = await feed.counts(connection, call.tenant_id, call.path["id"])
    return Answer(content=_counts(counts))


async def mark_read(services: Services, call: Call[FeedSelection]) -> Answer:
    """Mark items read."""
    return await _mark(services, call, Mark.READ)


async def archive(services: Services, call: Call[FeedSelection]) -> Answer:
    """Put items away."""
    return await _mark(services, call, Mark.ARCHIVE)


async def _mark(services: Services, call: Call[FeedSelection], how: Mark) -> Answer:
    selected = None if call.input.ids is None else _parse(call.input.ids)
    async with services.transaction() as connection:
        marked = await feed.mark(connection, call.tenant_id, call.path["id"], how, selected)
    return Answer(content={"changed": marked.changed, **_counts(marked.counts)})


def _parse(given: list[str]) -> list[UUID]:
    parsed, wrong = [], []
    for index, text in enumerate(given):
        try:
            parsed.append(ids.parse(Prefix.FEED, text))
        except BadId as error:
            wrong.append(Fault(f"/ids/{index}", error.message, error.code))
    if wrong:
        raise faults.invalid(wrong)
    return parsed


def _shown(item: Item) -> dict[str, object]:
    return {
        "id": ids.show(Prefix.FEED, item.message_id),
        "message": ids.show(Prefix.MESSAGE, item.message_id),
        "seq": item.seq,
        "workflow": item.workflow_key,
        "category": item.category,
        "title": item.title,
        "body": item.body,
        "url": item.url,
        "data": item.data,
        "created_at": item.created_at,
        "seen_at": item.seen_at,
        "read_at": item.read_at,
        "archived_at": item.archived_at,
    }


def _counts(counts: Counts) -> dict[str, object]:
    return {"total": counts.total, "unseen": counts.unseen, "unread": counts.unread}


OPERATIONS: tuple[Operation[Any], ...] = (
    Operation(
        id="listFeed",
        method="GET",
        path="/v1/recipients/{id}/feed",
        summary="List a recipient's feed, newest first",
        scope=Scope.FEED_READ,
        run=list_items,
        input=FeedQuestion,
        answers={200: FeedReply},
    ),
    Operation(
        id="countFeed",
        method="GET",
        path="/v1/recipients/{id}/feed/counts",
        summary="Count what is new in a recipient's feed",
        scope=Scope.FEED_READ,
        run=count_items,
        answers={200: FeedCountsReply},
    ),
    Operation(
        id="readFeed",
        method="POST",
        path="/v1/recipients/{id}/feed/read",
        summary="Mark feed items read",
        scope=Scope.FEED_WRITE,
        run=mark_read,
        input=FeedSelection,
        answers={200: MarkedReply},
    ),
    Operation(
        id="archiveFeed",
        method="POST",
        path="/v1/recipients/{id}/feed/archive",
        summary="Archive feed items",
        scope=Scope.FEED_WRITE,
        run=archive,
        input=FeedSelection,
        answers={200: MarkedReply},
    ),
)
