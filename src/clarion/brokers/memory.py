"""A broker in this process's memory: for tests, and for trying a binding without any other server.

It behaves as the real ones do: what is not acknowledged comes again, marked as such, when its connection is gone.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta

from clarion.brokers.base import Delivery, Disconnected, Source


class MemoryQueue:
    """One queue, and what became of its messages."""

    def __init__(self) -> None:
        self._ready: deque[Delivery] = deque()
        self._more = asyncio.Event()
        #: Ids in the order in which they were acknowledged.
        self.acked: list[str] = []
        #: Why messages failed, by id.
        self.failed: dict[str, str] = {}
        #: The last progress told, by id.
        self.progress: dict[str, int] = {}

    def __len__(self) -> int:
        """How many wait."""
        return len(self._ready)

    def put(self, deliveries: Sequence[Delivery]) -> None:
        """Add messages."""
        self._ready.extend(deliveries)
        self._more.set()

    def put_back(self, deliveries: Sequence[Delivery]) -> None:
        """Add messages that were delivered before, in front of all others."""
        self._ready.extendleft(replace(one, redelivered=True) for one in reversed(deliveries))
        self._more.set()

    async def take(self, most: int) -> list[Delivery]:
        """At most *most* messages; waits for the first."""
        while not self._ready:
            self._more.clear()
            await self._more.wait()
        return [self._ready.popleft() for _ in range(min(most, len(self._ready)))]


class MemorySource(Source):
    """A consumer of a `MemoryQueue`."""

    def __init__(
        self, queue: MemoryQueue, *, name: str = "memory:queue", prefetch: int = 100, follows: bool = False
    ) -> None:
        """*prefetch*: at most so many are handed over and not settled."""
        self.name = name
        self.follows = follows
        self.in_hand: dict[str, Delivery] = {}
        self._queue = queue
        self._prefetch = prefetch
        self._room = asyncio.Event()
        self._open = False

    async def open(self) -> None:
        self._open = True
        self._room.set()

    async def batches(self) -> AsyncIterator[Sequence[Delivery]]:
        while True:
            while len(self.in_hand) >= self._prefetch:
                self._room.clear()
                await self._room.wait()
            self._still_open()
            taken = await self._queue.take(self._prefetch - len(self.in_hand))
            self.in_hand |= {one.id: one for one in taken}
            yield taken

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        self._still_open()
        self._settled(deliveries)
        self._queue.acked += [one.id for one in deliveries]

    async def nack(self, deliveries: Sequence[Delivery], *, after: timedelta | None = None) -> None:
        self._still_open()
        self._settled(deliveries)
        self._queue.put_back(deliveries)

    async def fail(self, delivery: Delivery, reason: str) -> None:
        self._still_open()
        self._settled([delivery])
        self._queue.failed[delivery.id] = reason

    async def progress(self, delivery: Delivery, percent: int) -> None:
        self._still_open()
        self._queue.progress[delivery.id] = percent

    async def check(self) -> None:
        self._still_open()

    async def close(self) -> None:
        self.cut()

    def cut(self) -> None:
        """Lose the connection: what is in hand comes again."""
        if self._open:
            self._open = False
            self._queue.put_back(list(self.in_hand.values()))
            self.in_hand.clear()
            self._room.set()

    def _still_open(self) -> None:
        if not self._open:
            raise Disconnected("the connection is gone")

    def _settled(self, deliveries: Sequence[Delivery]) -> None:
        for one in deliveries:
            self.in_hand.pop(one.id, None)
        self._room.set()
