"""A recipient's feed over HTTP: for applications by a key, and for recipients themselves by a token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from clarion import clock, ids
from clarion.api import faults
from clarion.api.idempotency import Once
from clarion.api.operation import Answer, Call, Operation, page, position
from clarion.api.schema.feed import (
    ChangesQuestion,
    ChangesReply,
    FeedCountsReply,
    FeedItems,
    FeedQuestion,
    FeedReply,
    FeedSelection,
    FeedSnooze,
    MarkedReply,
    TokenAsked,
    TokenReply,
)
from clarion.api.services import Services
from clarion.domain.scope import Scope
from clarion.errors import BadId, Fault
from clarion.ids import Prefix
from clarion.inbox import feed
from clarion.inbox.live import MOST
from clarion.inbox.words import harmless
from clarion.store.feed import Counts, Item, Mark, Show
from clarion.store.feed_changes import Feed

#: Later than this nothing is put off.
_LONGEST_SNOOZE: Final = timedelta(days=366)


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
    return page(services, call, [show_item(item) for item in shown], more)


async def count_items(services: Services, call: Call[None]) -> Answer:
    """The counters."""
    async with services.connection() as connection:
        counts = await feed.counts(connection, call.tenant_id, call.path["id"])
    return Answer(content=show_counts(counts))


async def list_changes(services: Services, call: Call[ChangesQuestion]) -> Answer:
    """What a stream would have told: for whoever cannot keep one open."""
    async with services.connection() as connection:
        counts, items = await feed.changes(connection, call.tenant_id, call.path["id"], call.input.since, MOST)
    return Answer(content=show_changes(counts, items))


async def mint_token(services: Services, call: Call[TokenAsked]) -> Answer:
    """A token for the recipient, to read and mark the own feed."""
    async with services.connection() as connection:
        await feed.counts(connection, call.tenant_id, call.path["id"])
    life = timedelta(seconds=call.input.expires_in_s)
    minted = services.tokens.token(Feed(call.tenant_id, call.path["id"]), life)
    return Answer(
        status=201,
        content={"token": minted.text, "expires_at": minted.expires_at},
        headers={"Cache-Control": "no-store"},
    )


async def _mark(how: Mark, services: Services, call: Call[Any]) -> Answer:
    """Mark the items that are named, or all."""
    selected = None if call.input.ids is None else _parse(call.input.ids)
    until = _until(call.input.until) if how is Mark.SNOOZE else None
    async with services.transaction() as connection:
        marked = await feed.mark(connection, call.tenant_id, call.path["id"], how, selected, until=until)
    if marked.name:
        services.wake(marked.name)
    return Answer(content={"changed": marked.changed, **show_counts(marked.counts)})


def _until(moment: datetime) -> datetime:
    if not clock.now() < moment <= clock.now() + _LONGEST_SNOOZE:
        detail = f"it must lie ahead, by at most {_LONGEST_SNOOZE.days} days"
        raise faults.invalid([Fault("/until", detail, "out_of_range")])
    return moment


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


def show_item(item: Item) -> dict[str, object]:
    """An item as recipients and applications see it."""
    return {
        "id": ids.show(Prefix.FEED, item.message_id),
        "message": ids.show(Prefix.MESSAGE, item.message_id),
        "seq": item.seq,
        "rev": item.rev,
        "workflow": item.workflow_key,
        "category": item.category,
        "title": harmless(item.title),
        "body": harmless(item.body),
        "url": item.url,
        "data": item.data,
        "created_at": item.created_at,
        "seen_at": item.seen_at,
        "read_at": item.read_at,
        "archived_at": item.archived_at,
        "snoozed_until": item.snoozed_until,
    }


def show_counts(counts: Counts) -> dict[str, object]:
    """The counters."""
    return {"total": counts.total, "unseen": counts.unseen, "unread": counts.unread, "rev": counts.rev}


def show_changes(counts: Counts, items: list[Item] | None) -> dict[str, object]:
    """How a feed stands, and what changed; null for what is too much to tell."""
    return {**show_counts(counts), "items": None if items is None else [show_item(item) for item in items]}


#: The marks: how the path and the id of the operation call each, what it takes, and what it does.
_MARKS: Final = (
    ("seen", "see", FeedSelection, Mark.SEEN, "Mark feed items seen"),
    ("read", "read", FeedSelection, Mark.READ, "Mark feed items read"),
    ("unread", "unread", FeedItems, Mark.UNREAD, "Mark feed items not read"),
    ("archive", "archive", FeedSelection, Mark.ARCHIVE, "Archive feed items"),
    ("unarchive", "unarchive", FeedItems, Mark.UNARCHIVE, "Take feed items out of the archive"),
    ("snooze", "snooze", FeedSnooze, Mark.SNOOZE, "Put feed items off until a time"),
    ("unsnooze", "unsnooze", FeedItems, Mark.UNSNOOZE, "Bring feed items back before their time"),
)


def _operations(base: str, *, own: bool) -> tuple[Operation[Any], ...]:
    """All that can be done with a feed at *base*: by keys, with ids that say ``Feed``, or by tokens (``OwnFeed``)."""
    noun, whose = ("OwnFeed", "the own") if own else ("Feed", "a recipient's")
    read = partial(Operation, method="GET", scope=Scope.FEED_READ, own=own)
    marks = [
        Operation(
            id=f"{verb}{noun}",
            method="POST",
            path=f"{base}/{word}",
            summary=summary,
            scope=Scope.FEED_WRITE,
            own=own,
            run=_marking(mark),
            input=takes,
            answers={200: MarkedReply},
        )
        for word, verb, takes, mark, summary in _MARKS
    ]
    return (
        read(
            id=f"list{noun}",
            path=base,
            summary=f"List {whose} feed, newest first",
            run=list_items,
            input=FeedQuestion,
            answers={200: FeedReply},
        ),
        read(
            id=f"count{noun}",
            path=f"{base}/counts",
            summary=f"Count what is new in {whose} feed",
            run=count_items,
            answers={200: FeedCountsReply},
        ),
        read(
            id=f"list{noun}Changes",
            path=f"{base}/changes",
            summary=f"List what changed in {whose} feed",
            run=list_changes,
            input=ChangesQuestion,
            answers={200: ChangesReply},
        ),
        *marks,
    )


def _marking(how: Mark) -> Callable[[Services, Call[Any]], Awaitable[Answer]]:
    return partial(_mark, how)


OPERATIONS: tuple[Operation[Any], ...] = (
    *_operations("/v1/recipients/{id}/feed", own=False),
    Operation(
        id="mintFeedToken",
        method="POST",
        path="/v1/recipients/{id}/feed/tokens",
        summary="Make a token by which a recipient reads the own feed",
        scope=Scope.FEED_TOKENS,
        run=mint_token,
        input=TokenAsked,
        answers={201: TokenReply},
        once=Once.NEVER,
    ),
)
#: What recipients do by a token.
OWN_OPERATIONS: tuple[Operation[Any], ...] = _operations("/v1/feed", own=True)
