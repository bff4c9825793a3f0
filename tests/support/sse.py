"""A client of server-sent events: reads what stands on the wire, as a browser does."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from tests.support.http import Connection, Reply, request


@dataclass(frozen=True, slots=True)
class Event:
    """One event."""

    name: str
    id: int
    data: Any


class Stream:
    """An open stream, or the answer that there is none."""

    def __init__(self, connection: Connection, reply: Reply) -> None:
        self._connection = connection
        self.reply = reply

    async def event(self, within_s: float = 10) -> Event:
        """The next event; comments and the like are passed over."""
        async with asyncio.timeout(within_s):
            while True:
                text = (await self._connection.until(b"\n\n")).decode()
                fields = dict(line.split(": ", 1) for line in text.split("\n") if ": " in line and line[0] != ":")
                if "data" in fields:
                    return Event(fields["event"], int(fields["id"]), json.loads(fields["data"]))

    async def is_over(self, within_s: float = 10) -> bool:
        """Whether it ends without another event."""
        with contextlib.suppress(EOFError):
            await self.event(within_s)
            return False
        return True


@asynccontextmanager
async def follow(port: int, path: str, headers: Mapping[str, str] | None = None) -> AsyncIterator[Stream]:
    """Open the stream at *path*."""
    async with await Connection.open(port) as connection:
        await connection.say(request("GET", path, headers=headers))
        yield Stream(connection, await connection.hear(b"retry: 2000\n\n"))
