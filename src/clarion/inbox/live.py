"""Feeds as they change, for all who follow one in this process.

A ring says only that a feed changed; what changed is read from the rows, for all feeds together that were rung for.
Rings may be lost: every so often all open feeds are asked in one statement whether they moved. Several who follow one
feed, in tabs, are told of what is read once.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Protocol, Self
from uuid import UUID

import structlog

from clarion.domain.feed_name import PREFIX, feed_name
from clarion.store import feed_changes
from clarion.store.database import AWAY, Pool
from clarion.store.feed import Counts, Item
from clarion.store.feed_changes import Changes, Feed

log = structlog.get_logger()

#: Of a feed in which more changed since somebody looked, that alone is told: to read the list is less than all of it.
MOST: Final = 100
#: So many feeds are read in one statement.
_TOGETHER: Final = 500
#: Rings come in crowds when one event goes to many: so long they are gathered.
_GATHER_S: Final = 0.01
#: How often all open feeds are asked whether they moved, whoever rang or did not.
POLL_S: Final = 15.0
_NOTHING: Final = Changes(counts=Counts(total=0, unseen=0, unread=0, rev=0))


class Bell(Protocol):
    """Hears what other processes ring for."""

    def hear(self, prefix: str, heard: Callable[[str | None], None]) -> None:
        """Call *heard* with each name that begins with *prefix*, and with None when some may have been missed."""


@dataclass(frozen=True, slots=True)
class News:
    """What somebody is told: how the feed stands, and what changed; None when that is too much to tell."""

    counts: Counts
    items: list[Item] | None


@dataclass(eq=False, slots=True)
class Follower:
    """Somebody who follows a feed. `came` is set when there is news, or nothing more will come."""

    #: The number of the last change that is known; None until the first news, which say only how the feed stands.
    rev: int | None
    came: asyncio.Event = field(default_factory=asyncio.Event)
    _news: News | None = None

    def take(self) -> News | None:
        """The news since the last time; None when there are none."""
        news, self._news = self._news, None
        self.came.clear()
        return news

    def tell(self, changes: Changes) -> None:
        """The feed stands as in *changes*, which may repeat what is known."""
        counts, rev, before = changes.counts, self.rev, self._news
        if rev is not None and counts.rev == rev:
            return
        items: list[Item] | None = []
        if rev is not None:
            items = [item for item in changes.items if item.rev > rev]
            # From the future is what a database knew that was set back; and of too much only a part was read.
            if counts.rev < rev or len(changes.items) > MOST:
                items = None
            elif before is not None:  # nobody has come to take that yet
                items = None if before.items is None else _latest([*before.items, *items])
        self._news = News(counts, items)
        self.rev = counts.rev
        self.came.set()


class Live:
    """Reads what changed in the feeds that are followed. Open it with ``async with``."""

    def __init__(self, pool: Pool, bell: Bell, *, poll_s: float = POLL_S) -> None:
        self._pool = pool
        #: Set when nothing more will come.
        self.closing = asyncio.Event()
        self._poll_s = poll_s
        self._followers: dict[Feed, list[Follower]] = {}
        self._names: dict[str, Feed] = {}
        self._rung: set[Feed] = set()
        self._stirred = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        bell.hear(PREFIX, self._heard)

    def __len__(self) -> int:
        return sum(map(len, self._followers.values()))

    @contextmanager
    def follow(self, feed: Feed, rev: int | None) -> Iterator[Follower]:
        """Somebody who knows *feed* up to the change *rev* (None: nothing), for as long as the block lasts."""
        follower = Follower(rev)
        self._followers.setdefault(feed, []).append(follower)
        self._names[feed_name(*feed)] = feed
        self._ring(feed)
        try:
            yield follower
        finally:
            self._followers[feed].remove(follower)
            if not self._followers[feed]:
                del self._followers[feed]
                del self._names[feed_name(*feed)]

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(one(), name="feeds") for one in (self._read_all, self._poll, self._end)]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task

    def _heard(self, name: str | None) -> None:
        feeds = list(self._followers) if name is None else [self._names[name]] if name in self._names else []
        for feed in feeds:
            self._ring(feed)

    def _ring(self, feed: Feed) -> None:
        self._rung.add(feed)
        self._stirred.set()

    async def _read_all(self) -> None:
        while True:
            await self._stirred.wait()
            await asyncio.sleep(_GATHER_S)
            self._stirred.clear()
            while feeds := [self._rung.pop() for _ in range(min(_TOGETHER, len(self._rung)))]:
                try:
                    await self._read({feed: self._known(feed) for feed in feeds if feed in self._followers})
                except AWAY as error:  # the next poll finds what was not read
                    log.warning("feed.not_read", error=type(error).__name__, feeds=len(feeds))

    async def _end(self) -> None:
        await self.closing.wait()
        for followers in self._followers.values():
            for follower in followers:
                follower.came.set()

    def _known(self, feed: Feed) -> int:
        """Where all who follow *feed* have come to; those who know nothing of it need no items."""
        return min((one.rev for one in self._followers[feed] if one.rev is not None), default=2**62)

    async def _read(self, since: dict[Feed, int]) -> None:
        if not since:
            return
        told = {feed: list(self._followers[feed]) for feed in since}  # who comes meanwhile may know less than these
        async with self._pool.acquire() as connection:
            found = await feed_changes.changes(connection, since, MOST + 1)
        for feed, followers in told.items():
            for follower in followers:
                follower.tell(found.get(feed, _NOTHING))

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(self._poll_s * random.uniform(0.75, 1.25))  # noqa: S311 - only spreads processes out
            known = {feed: self._known(feed) for feed in self._followers}
            feeds = list(known)
            try:
                for start in range(0, len(feeds), 10 * _TOGETHER):
                    some = {feed: known[feed] for feed in feeds[start : start + 10 * _TOGETHER]}
                    async with self._pool.acquire() as connection:
                        for feed in await feed_changes.moved(connection, some):
                            self._ring(feed)
            except AWAY as error:
                log.warning("feed.not_read", error=type(error).__name__, feeds=len(feeds))


def _latest(items: list[Item]) -> list[Item] | None:
    """Of each item the last state, in the order of the changes; None when that is too much to tell."""
    last: dict[UUID, Item] = {}
    for item in items:
        last.pop(item.message_id, None)
        last[item.message_id] = item
    return list(last.values()) if len(last) <= MOST else None
