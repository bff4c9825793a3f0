"""An HTTP endpoint on a socket of its own, which answers byte for byte what a test says: also what no server should."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

#: What to do with a request: the writer goes to the client.
Answer = Callable[["Posted", asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Posted:
    """One request as it came."""

    line: str
    headers: dict[str, str]
    body: bytes


def status(code: int, *headers: str, body: bytes = b"") -> Answer:
    """An ordinary answer with *code*."""
    head = "\r\n".join([f"HTTP/1.1 {code} Said", f"content-length: {len(body)}", *headers])
    return raw(head.encode() + b"\r\n\r\n" + body)


def raw(data: bytes) -> Answer:
    """Just these bytes; the connection stays open."""

    async def answer(_: Posted, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()

    return answer


async def hang(_: Posted, writer: asyncio.StreamWriter) -> None:
    """Never an answer."""
    await writer.wait_closed()


async def cut(_: Posted, writer: asyncio.StreamWriter) -> None:
    """Closed without an answer."""
    writer.close()


@dataclass(kw_only=True)
class EndpointServer:
    """Listens on *host* while the ``async with`` lasts; `answer` may be changed at any time."""

    answer: Answer = field(default_factory=lambda: status(200))
    tls: ssl.SSLContext | None = None
    host: str = "127.0.0.1"
    port: int = 0
    posted: list[Posted] = field(default_factory=list)
    connections: int = 0
    #: The names that clients asked for in TLS.
    names: list[str | None] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        if self.tls is not None:
            self.tls.sni_callback = lambda _socket, name, _context: self.names.append(name)
        self._writers: set[asyncio.StreamWriter] = set()
        self._server = await asyncio.start_server(self._serve, self.host, self.port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                while not writer.is_closing():
                    posted = await _read(reader)
                    self.posted.append(posted)
                    await self.answer(posted, writer)
        finally:
            self._writers.discard(writer)
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Posted:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Posted(head[0], headers, body)
