"""A real IMAP server for tests: pymap, with one account in memory."""

from __future__ import annotations

import asyncio
import imaplib
import socket
import sys
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.wait import wait_until

#: The account that it comes with.
USER, PASSWORD = "demouser", "demopass"


@dataclass(frozen=True, kw_only=True)
class ImapServer:
    """One that runs. Its methods block."""

    port: int

    @property
    def url(self) -> str:
        return f"imap://{USER}:{PASSWORD}@127.0.0.1:{self.port}/Returned"

    def put(self, mails: Sequence[bytes], folder: str = "Returned") -> None:
        """Mails come in."""
        with self._session() as imap:
            imap.create(folder)
            for raw in mails:
                assert imap.append(folder, "", "", raw)[0] == "OK"

    def count(self, what: str = "ALL", folder: str = "Returned") -> int:
        """How many mails in *folder* are so."""
        with self._session() as imap:
            if imap.select(folder, readonly=True)[0] != "OK":
                return 0
            found = imap.uid("SEARCH", what)[1][0]
            return len((found or b"").split())

    def _session(self) -> imaplib.IMAP4:
        imap = imaplib.IMAP4("127.0.0.1", self.port, timeout=10)
        imap.login(USER, PASSWORD)
        return imap


@asynccontextmanager
async def imap_server() -> AsyncIterator[ImapServer]:
    """A server on a free port, ended with the block."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    command = [str(Path(sys.executable).parent / "pymap"), "--host", "127.0.0.1", "--port", str(port), "--no-tls"]
    process = await asyncio.create_subprocess_exec(
        *command, "dict", "--demo-data", stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL
    )
    try:
        await wait_until(lambda: _answers(port), 60, "the IMAP server")
        yield ImapServer(port=port)
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 20)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            return connection.recv(4) == b"* OK"
    except OSError:
        return False
