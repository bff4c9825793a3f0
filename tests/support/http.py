"""A client that says exactly the bytes it is told to, and shows exactly what came back."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of a problem document; checks that it is one, whole."""
        assert self.headers["content-type"] == "application/problem+json", self
        problem = self.json
        assert {"type", "title", "status", "detail", "instance", "code", "request_id"} <= problem.keys(), problem
        assert problem["status"] == self.status
        assert problem["request_id"] == self.headers["x-request-id"]
        assert b"Traceback" not in self.body
        return str(problem["code"])

    @property
    def pointers(self) -> list[str]:
        """Where the faults of a problem document are."""
        return [error["pointer"] for error in self.json["errors"]]


class Connection:
    """One connection to 127.0.0.1."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> Connection:
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=2**24))

    async def __aenter__(self) -> Connection:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()

    async def say(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def hear(self, until: bytes | None = None) -> Reply:
        """The next answer, whole; one that comes in chunks only up to *until*, where given."""
        async with asyncio.timeout(20):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            status = int(head[0].split()[1])
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-2])}
            if "content-length" in headers:
                body = await self._reader.readexactly(int(headers["content-length"]))
            elif headers.get("transfer-encoding") == "chunked":
                body = await self._chunks(until)
            else:
                body = b""
        return Reply(status=status, headers=headers, body=body)

    async def until(self, end: bytes) -> bytes:
        """What comes in chunks up to *end*, without it. Raises EOFError when there is an end of all."""
        if (size := int(await self._reader.readline() or b"0", 16)) == 0:
            raise EOFError
        body = await self._reader.readexactly(size)
        await self._reader.readline()
        return body.removesuffix(end) if body.endswith(end) else body + await self.until(end)

    async def is_closed(self) -> bool:
        """Whether the other side closes, with nothing more to say."""
        async with asyncio.timeout(20):
            return await self._reader.read(1) == b""

    async def _chunks(self, until: bytes | None) -> bytes:
        body = b""
        while not (until and body.endswith(until)) and (size := int(await self._reader.readline(), 16)):
            body += await self._reader.readexactly(size)
            await self._reader.readline()
        if not until:
            await self._reader.readline()
        return body


def request(method: str, path: str, *, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> bytes:
    """The bytes of a request; with a body it is application/json unless *headers* say otherwise."""
    lines = {"host": "test"}
    if body is not None:
        lines |= {"content-type": "application/json", "content-length": str(len(body))}
    lines |= {name.lower(): value for name, value in (headers or {}).items()}
    head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines.items()) + "\r\n"
    return head.encode() + (body or b"")
