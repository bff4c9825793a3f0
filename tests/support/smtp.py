"""SMTP for tests: a conversation line by line, and a client that sends as fast as a server takes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from types import TracebackType
from typing import Self, cast


class Conversation:
    """One connection to an SMTP server, spoken by hand."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self._address = (host, port)

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(*self._address)
        assert (await self.reply()).startswith("220 ")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()

    def send(self, data: bytes) -> None:
        """Send *data* as it is."""
        self._writer.write(data)

    async def say(self, line: str) -> str:
        """Send one command; the reply to it."""
        self.send(line.encode() + b"\r\n")
        return await self.reply()

    async def reply(self) -> str:
        """The next reply, its lines joined by a line feed; "" when the server has closed the connection."""
        lines = []
        async with asyncio.timeout(10):
            while line := (await self._reader.readline()).decode():
                lines.append(line.removesuffix("\r\n"))
                if line[3:4] != "-":
                    break
        return "\n".join(lines)

    async def mail(
        self, content: bytes, *, sender: str = "from@example.com", to: Iterable[str] = ("to@example.com",)
    ) -> str:
        """Send one mail, already dot-stuffed and ending in CRLF; the reply to its final dot."""
        assert (await self.say(f"MAIL FROM:<{sender}>")).startswith("250")
        for one in to:
            assert (await self.say(f"RCPT TO:<{one}>")).startswith("250")
        assert (await self.say("DATA")).startswith("354")
        self.send(content + b".\r\n")
        return await self.reply()


def sample(number: int, size: int = 2_000) -> bytes:
    """Mail *number* of many: its own recipient, subject and Message-ID, some *size* bytes."""
    line = b"Rooms are ready from three in the afternoon; breakfast is from seven.\r\n"
    return (
        b"From: Hotel <hotel@example.com>\r\nTo: guest%d@example.com\r\nSubject: Booking %d confirmed\r\n"
        b"Message-ID: <%d@example.com>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
        % (number, number, number)
    ) + line * max(1, (size - 200) // len(line))


async def send_many(port: int, numbers: range, *, connections: int = 10, size: int = 2_000) -> set[int]:
    """Send `sample` mails over pipelining connections; the numbers of those that the server said 250 to.

    Ends when all are answered or every connection has died.
    """
    accepted: set[int] = set()
    waiting = iter(numbers)
    loop = asyncio.get_running_loop()
    senders = []
    for _ in range(connections):
        _, sender = await loop.create_connection(lambda: _Sender(waiting, accepted, size), "127.0.0.1", port)
        senders.append(sender)
    await asyncio.gather(*(sender.done for sender in senders))
    return accepted


class _Sender(asyncio.Protocol):
    """Sends envelope and DATA in one go, and the next envelope together with the mail before it (RFC 2920)."""

    def __init__(self, waiting: Iterable[int], accepted: set[int], size: int) -> None:
        self._waiting = iter(waiting)
        self._accepted = accepted
        self._size = size
        self._rest = b""
        self._current: int | None = None
        self._answers: list[int] = []  #: mails whose final dot is not answered yet
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class is no subclass of it
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._transport.write(b"EHLO load\r\n" + self._envelope())

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)

    def data_received(self, data: bytes) -> None:
        lines = (self._rest + data).split(b"\r\n")
        self._rest = lines.pop()
        for line in lines:
            if line.startswith(b"354"):
                assert self._current is not None
                self._answers.append(self._current)
                mail = sample(self._current, self._size) + b".\r\n"
                self._transport.write(mail + self._envelope())
            elif line.startswith(b"250 2.0.0 Caught"):
                self._accepted.add(self._answers.pop(0))
                if self._current is None and not self._answers:
                    self._transport.close()
            elif not line.startswith(b"2"):
                self._transport.close()
        if self._current is None and not self._answers:
            self._transport.close()

    def _envelope(self) -> bytes:
        self._current = next(self._waiting, None)
        if self._current is None:
            return b""
        return b"MAIL FROM:<hotel@example.com>\r\nRCPT TO:<guest%d@example.com>\r\nDATA\r\n" % self._current
