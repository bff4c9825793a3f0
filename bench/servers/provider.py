"""A provider that takes messages over HTTP: `python -m bench.servers.provider twilio|fcm PORT FILE`.

It judges requests by the rules of the fakes that the tests use, over a parser in C, so that it can take several times
what one process sends. Of each message taken it writes a line ``<monotonic nanoseconds> <recipient>`` to FILE. FCM's
account has its key in the file that ``--key`` names. With ``--hang`` it takes requests and answers none.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import time
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO, cast

import httptools
import uvloop

from bench.servers.provider_desk import Desk, FcmDesk, TwilioDesk

_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}


class Book:
    """What was taken, written in bursts: a write for each message would cost more than the message."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._lines: list[bytes] = []

    def note(self, recipient: str) -> None:
        """One message, taken now."""
        self._lines.append(b"%d %s\n" % (time.monotonic_ns(), recipient.encode()))

    async def keep(self) -> None:
        """Write down what is new, fifty times a second, for ever."""
        while True:
            await asyncio.sleep(0.02)
            if self._lines:
                lines, self._lines = self._lines, []
                self._file.write(b"".join(lines))
                self._file.flush()


class Session(asyncio.Protocol):
    """One client's connection. httptools calls the methods with ``on_`` in their names."""

    def __init__(self, desk: Desk, book: Book, *, hang: bool) -> None:
        self._desk = desk
        self._book = book
        self._hang = hang
        self._parser = httptools.HttpRequestParser(self)
        self._path, self._authorization, self._body = b"", b"", b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but its bases

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"authorization":
            self._authorization = value

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        path, authorization, body = self._path, self._authorization, self._body
        self._path, self._authorization, self._body = b"", b"", b""
        if self._hang:
            return
        status, answer, taken = self._desk.answer(path, authorization, body)
        if taken is not None:
            self._book.note(taken)
        self._transport.write(
            b"HTTP/1.1 %d %b\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: %d\r\n"
            b"Connection: keep-alive\r\n\r\n%b" % (status, _REASONS[status], len(answer), answer)
        )


async def main(options: argparse.Namespace) -> None:
    """Serve on the loopback address until ended."""
    desk = TwilioDesk() if options.kind == "twilio" else FcmDesk(f"http://127.0.0.1:{options.port}", options.key)
    with open(options.file, "wb") as file:  # noqa: ASYNC230, PTH123 - read by another process
        book = Book(file)
        server = await asyncio.get_running_loop().create_server(
            lambda: Session(desk, book, hang=options.hang), "127.0.0.1", options.port, backlog=512
        )
        async with server:
            await book.keep()


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=("twilio", "fcm"))
    parser.add_argument("port", type=int)
    parser.add_argument("file", type=Path)
    parser.add_argument("--key", type=Path, help="where the key of FCM's account is written")
    parser.add_argument("--hang", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        uvloop.run(main(parse()))
