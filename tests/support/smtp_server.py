"""A fast SMTP server for tests: it keeps count of what it took, and breaks where it is told to.

In a test: ``async with SmtpServer(faults=[Fault(at="dot", do="reset", times=1)]) as server: … server.port``.
As a process: ``python -m tests.support.smtp_server --port 0 --ledger FILE --fault at=dot,do=reset,times=1``; the first
line it prints is ``{"port": …}``, and every mail it takes is a line of FILE before its 250 goes out.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.support.smtp_faults import Fault, parse_fault
from tests.support.smtp_session import Session


@dataclass(frozen=True, slots=True)
class Accepted:
    """One mail that the server took. `data` is empty unless mails are kept; its dots are single again."""

    message_id: str
    recipient: str
    sender: str
    at: float
    connection: int
    data: bytes = b""
    #: Octets, as they came.
    size: int = 0
    #: What the client was told, or would have been, behind the 250.
    answer: str = ""


@dataclass(kw_only=True)
class SmtpServer:
    """The server; listens on 127.0.0.1 while the ``async with`` lasts."""

    port: int = 0
    faults: Sequence[Fault] = ()
    #: What EHLO offers besides STARTTLS and AUTH.
    extensions: Sequence[str] = ("PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 52428800")
    #: With it, STARTTLS is offered; with `implicit_tls`, everything is encrypted.
    tls: ssl.SSLContext | None = None
    implicit_tls: bool = False
    #: For a fault: what nobody vouches for.
    stranger: ssl.SSLContext | None = None
    #: User and password; with them MAIL needs a login.
    login: tuple[str, str] | None = None
    mechanisms: Sequence[str] = ("PLAIN", "LOGIN", "CRAM-MD5")
    #: The server closes with 421 after so many mails on one connection.
    mails_per_connection: int | None = None
    #: Answer 354 to DATA without a recipient, as RFC 2920 §3.1 allows.
    eager_data: bool = False
    keep_data: bool = False
    ledger_file: Path | None = None

    accepted: list[Accepted] = field(default_factory=list, init=False)
    #: Connections made in all, and how often each command came.
    connections: int = field(default=0, init=False)
    most_at_once: int = field(default=0, init=False)
    commands: Counter[str] = field(default_factory=Counter, init=False)
    #: Names given with EHLO, and how each login went.
    greeted_as: list[str] = field(default_factory=list, init=False)

    async def __aenter__(self) -> Self:
        self._sessions: set[Session] = set()
        self._ledger = os.open(self.ledger_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND) if self.ledger_file else None
        await self._listen()
        return self

    @asynccontextmanager
    async def away(self) -> AsyncIterator[None]:
        """Connections are refused while the block lasts."""
        await self._leave()
        try:
            yield
        finally:
            await self._listen()

    async def _listen(self) -> None:
        self._server = await asyncio.get_running_loop().create_server(
            lambda: Session(self),
            "127.0.0.1",
            self.port,
            ssl=self.tls if self.implicit_tls else None,
            backlog=512,
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def _leave(self) -> None:
        self._server.close()
        gone = [session.gone for session in self._sessions]
        self.drop_connections()
        if gone:
            await asyncio.wait(gone, timeout=5)
        await self._server.wait_closed()

    async def __aexit__(self, *_: object) -> None:
        await self._leave()
        if self._ledger is not None:
            os.close(self._ledger)

    @property
    def open_connections(self) -> int:
        return len(self._sessions)

    def message_ids(self) -> list[str]:
        return [mail.message_id for mail in self.accepted]

    def recipients(self) -> list[str]:
        return [mail.recipient for mail in self.accepted]

    def drop_connections(self) -> None:
        """Close every connection, as a server does that is stopped."""
        for session in list(self._sessions):
            session.drop()

    def say(self, text: str) -> None:
        """Send a line on every connection that nobody asked for."""
        for session in self._sessions:
            session.say(text)

    def strikes(self, at: str, recipient: str | None = None) -> Fault | None:
        """The fault that happens at this point, if one does."""
        for fault in self.faults:
            if fault.strikes(at, recipient):
                return fault
        return None

    def joined(self, session: Session) -> int:
        """A connection was made; its number."""
        self._sessions.add(session)
        self.connections += 1
        self.most_at_once = max(self.most_at_once, len(self._sessions))
        return self.connections

    def left(self, session: Session) -> None:
        self._sessions.discard(session)

    def record(self, sender: str, recipient: str, data: bytes, connection: int, answer: str = "") -> None:
        """Take a mail: in memory and, before this returns, in the ledger file."""
        start = data.find(b"Message-ID: ") + 12
        message_id = data[start : data.find(b"\r\n", start)].decode() if start >= 12 else ""
        kept = data.replace(b"\r\n..", b"\r\n.") if self.keep_data else b""
        mail = Accepted(message_id, recipient, sender, time.time(), connection, kept, len(data), answer)
        self.accepted.append(mail)
        if self._ledger is not None:
            line = {"message_id": message_id, "recipient": recipient, "sender": sender, "at": mail.at}
            os.write(self._ledger, json.dumps(line).encode() + b"\n")


def main() -> None:
    """Run it as the arguments say, until SIGTERM."""
    import uvloop

    uvloop.run(_main())


async def _main() -> None:
    parser = argparse.ArgumentParser(description="An SMTP server for tests.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--ledger", type=Path)
    parser.add_argument("--fault", action="append", default=[], type=parse_fault)
    parser.add_argument("--no-pipelining", action="store_true")
    options = parser.parse_args()
    extensions = ("8BITMIME", "SMTPUTF8", "SIZE 52428800")
    stop = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    async with SmtpServer(
        port=options.port,
        ledger_file=options.ledger,
        faults=options.fault,
        extensions=extensions if options.no_pipelining else ("PIPELINING", *extensions),
    ) as server:
        print(json.dumps({"port": server.port}), flush=True)
        await stop.wait()


if __name__ == "__main__":
    main()
