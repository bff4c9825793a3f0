"""A client that costs little: aiohttp's takes as much of the machine for a request as the API does to answer it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import httptools
import orjson

from bench.mail import booking
from bench.servers.process import ProgramFailed


class QuickClient:
    """Triggers *workflow* over connections that stay open; a call takes one that is free, or opens another."""

    def __init__(self, port: int, key: str, workflow: str) -> None:
        self._port = port
        self._head = (
            f"POST /v1/workflows/{workflow}/trigger HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
            f"Authorization: Bearer {key}\r\nContent-Type: application/json\r\nContent-Length: "
        ).encode()
        self._idle: deque[_Exchange] = deque()

    async def trigger(self, recipient: str) -> None:
        """Trigger it for the recipient of that id. Raises `ProgramFailed` where the answer is not 202."""
        body = orjson.dumps({"recipients": [recipient], "payload": booking.PAYLOAD})
        exchange = self._idle.pop() if self._idle else await self._open()
        status, answer = await exchange.ask(b"%b%d\r\n\r\n%b" % (self._head, len(body), body))
        if status != 202:
            raise ProgramFailed(f"a trigger was answered with {status}: {answer.decode(errors='replace')}")
        self._idle.append(exchange)

    async def _open(self) -> _Exchange:
        _, protocol = await asyncio.get_running_loop().create_connection(_Exchange, "127.0.0.1", self._port)
        return protocol

    def close(self) -> None:
        """Close what is open."""
        for exchange in self._idle:
            exchange.close()


@asynccontextmanager
async def quick_client(port: int, key: str, workflow: str = booking.WORKFLOW) -> AsyncIterator[QuickClient]:
    """A client of the API on *port*, for as long as the block lasts."""
    client = QuickClient(port, key, workflow)
    try:
        yield client
    finally:
        client.close()


class _Exchange(asyncio.Protocol):
    """One connection: a request at a time. httptools calls the methods with ``on_`` in their names."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._answered: asyncio.Future[tuple[int, bytes]] | None = None

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        """Send *request*; the status and the body of its answer."""
        self._parser = httptools.HttpResponseParser(self)
        self._body = b""
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answered

    def close(self) -> None:
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_result((self._parser.get_status_code(), self._body))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(ProgramFailed("the API closed a connection in the middle of a request"))
