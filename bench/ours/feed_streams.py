"""Thousands of open feeds, by a client that costs little: all it looks for is when an item came."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from bench.servers.process import ProgramFailed

#: So many connections are opened at once.
_AT_ONCE = 100


class _Feed(asyncio.Protocol):
    def __init__(self, token: str) -> None:
        self._token = token
        self._tail = b""
        self.open = asyncio.get_running_loop().create_future()
        self.came: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        head = f"GET /v1/feed/events HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {self._token}\r\n\r\n"
        transport.write(head.encode())  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        seen = self._tail + data
        self._tail = seen[-40:]
        if b"event: changes" in seen and not self.open.done():
            self.open.set_result(None)  # how the feed stands; the headers alone would not say that it is followed
        if b'"items":[{' in seen and not self.came.done():
            self.came.set_result(time.monotonic())

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.open.done():
            self.open.set_exception(ProgramFailed(f"a stream was not opened: {self._tail!r}"))


class FeedStreams:
    """Feeds that are followed; to be closed by `close`."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._feeds: list[_Feed] = []

    async def open(self, tokens: Sequence[str]) -> None:
        """Follow the feed of each token; returns when all are open."""
        room = asyncio.Semaphore(_AT_ONCE)
        async with asyncio.TaskGroup() as tasks:
            for token in tokens:
                tasks.create_task(self._open(token, room))

    async def arrivals(self, timeout_s: float) -> list[float]:
        """When each of them was told of an item (monotonic), once all were."""
        async with asyncio.timeout(timeout_s):
            return [await feed.came for feed in self._feeds]

    def close(self) -> None:
        """Go away."""
        for feed in self._feeds:
            feed.transport.close()

    async def _open(self, token: str, room: asyncio.Semaphore) -> None:
        async with room:
            loop = asyncio.get_running_loop()
            _, feed = await loop.create_connection(lambda: _Feed(token), "127.0.0.1", self._port)
            self._feeds.append(feed)
            await feed.open
