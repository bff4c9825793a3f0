"""A way to PostgreSQL that breaks at a commit, so that whoever commits cannot know whether it went through.

It stands on 127.0.0.1, passes everything on, and reads the client's half of the protocol (PostgreSQL documentation,
"Message Formats"): which statements ran since the last commit, and when the next one comes.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, urlsplit, urlunsplit

_PROTOCOL = 196608  # 3.0; whatever else comes first is a wish for encryption or a cancel


class How(StrEnum):
    """What becomes of the commit at which the connection is cut."""

    LOST = "lost"  #: the server never hears of it
    DONE = "done"  #: it is on disk; its answer never arrives
    RACE = "race"  #: passed on, and the connection cut at the same moment


@dataclass(slots=True)
class Cut:
    """One connection to be cut, at the *nth* commit of a transaction in which a statement with *after* in it ran.

    A statement outside of a transaction is one by itself, committed by the Sync behind it.
    """

    after: str
    how: How
    nth: int = 1
    #: Whether it happened.
    done: bool = False


@dataclass(kw_only=True)
class DatabaseProxy:
    """Listens while the ``async with`` lasts."""

    upstream: str
    cuts: list[Cut] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        """The same database, this way."""
        parts = urlsplit(self.upstream)
        port = self._server.sockets[0].getsockname()[1]
        return urlunsplit(parts._replace(netloc=f"{parts.username}@127.0.0.1:{port}", query=""))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._connect(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # one side is gone; the other one follows
        finally:
            self._tasks.discard(task)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with _upstream(self.upstream) as (answers, upstream):
            back = asyncio.create_task(_pump(answers, writer))
            try:
                await self._forward(reader, answers, upstream, back)
            finally:
                back.cancel()
                await asyncio.gather(back, return_exceptions=True)
                writer.transport.abort()

    async def _forward(
        self,
        reader: asyncio.StreamReader,
        answers: asyncio.StreamReader,
        upstream: asyncio.StreamWriter,
        back: asyncio.Task[None],
    ) -> None:
        await _started(reader, upstream)
        statements: dict[bytes, str] = {}
        ran: list[str] = []
        within = False
        while True:
            kind, message = await _message(reader)
            body = message[5:]
            if kind == b"P":
                name, sql = body.split(b"\0")[:2]
                statements[name] = sql.decode()
            elif kind == b"B":
                ran.append(statements.get(body.split(b"\0")[1], ""))
                if not within:
                    cut = self._cut(ran)
                    ran.clear()
                    if cut is not None:
                        await _strike(cut, message + await _until_sync(reader), answers, upstream, back)
                        return
            elif kind == b"Q":
                sql_text = body[:-1].decode()
                if sql_text.startswith("COMMIT") and (cut := self._cut(ran)) is not None:
                    await _strike(cut, message, answers, upstream, back)
                    return
                if sql_text.startswith(("BEGIN", "COMMIT", "ROLLBACK")):
                    ran.clear()
                    within = sql_text.startswith("BEGIN")
            upstream.write(message)

    def _cut(self, ran: list[str]) -> Cut | None:
        for cut in self.cuts:
            if not cut.done and any(cut.after in sql for sql in ran):
                cut.nth -= 1
                if cut.nth == 0:
                    cut.done = True
                    return cut
        return None


async def _started(reader: asyncio.StreamReader, upstream: asyncio.StreamWriter) -> None:
    """Pass on what comes without a type: the start-up, and before it perhaps a wish for encryption."""
    while True:
        head = await reader.readexactly(8)
        length, code = struct.unpack("!ii", head)
        upstream.write(head + await reader.readexactly(length - 8))
        if code == _PROTOCOL:
            return


async def _message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """The next message of the client: its type, and the whole of it."""
    head = await reader.readexactly(5)
    return head[:1], head + await reader.readexactly(struct.unpack("!i", head[1:])[0] - 4)


async def _until_sync(reader: asyncio.StreamReader) -> bytes:
    """What follows a Bind: whatever ends with a Sync."""
    messages = b""
    while True:
        kind, message = await _message(reader)
        messages += message
        if kind == b"S":
            return messages


async def _strike(
    cut: Cut, commit: bytes, answers: asyncio.StreamReader, upstream: asyncio.StreamWriter, back: asyncio.Task[None]
) -> None:
    back.cancel()
    await asyncio.gather(back, return_exceptions=True)
    if cut.how is How.LOST:
        return
    upstream.write(commit)
    if cut.how is How.DONE:
        upstream.write(b"X" + struct.pack("!i", 4))  # Terminate: read, and obeyed, when the commit is done
        while await answers.read(65536):
            pass


@asynccontextmanager
async def _upstream(url: str) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    parts = urlsplit(url)
    folder = parse_qs(parts.query).get("host")
    if folder:
        port = parse_qs(parts.query).get("port", ["5432"])[0]
        reader, writer = await asyncio.open_unix_connection(Path(folder[0]) / f".s.PGSQL.{port}")
    else:
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 5432)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.transport.abort()
