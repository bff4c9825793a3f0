"""A server that tests start, kill, freeze and start again: always the same folder and port, on this machine alone."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NoReturn, Self

from tests.support.process import PATIENCE_S
from tests.support.wait import wait_until


class Server(ABC):
    """One server of one kind. *folder* has all that it writes, and must be its own.

    The folder's path stands in the command line of whatever is started, so that a check for leftovers knows it.
    """

    #: What it is called in messages.
    name: str

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self.folder = folder
        self.port = port or free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """Where clients connect to."""

    @abstractmethod
    def command(self) -> Sequence[str]:
        """What starts it in the foreground; files it needs are written here too."""

    def environment(self) -> Mapping[str, str]:
        """Further variables for it."""
        return {}

    async def is_ready(self) -> bool:
        """Whether it answers clients."""
        return can_connect(self.port)

    @property
    def pid(self) -> int:
        assert self._process is not None, f"{self.name} was not started"
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    async def start(self) -> None:
        """Start it unless it lives, and wait until it answers. What it held before is there again."""
        if self.alive:
            self.resume()
        else:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._process = launch(self.command(), self.environment(), self.folder / "output.log")
        await wait_until(self._answers, PATIENCE_S * 3, f"{self.name} answers on port {self.port}")

    async def stop(self) -> None:
        """Ask it to end, and wait until it has; killed where it does not."""
        self.signal(signal.SIGTERM)
        self.resume()
        try:
            await self._ended(PATIENCE_S)
        except AssertionError:
            await self.kill()

    async def close(self) -> None:
        """Stop it for good, and what was started with it."""
        await self.stop()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """It runs meanwhile."""
        try:
            await self.start()
            yield self
        finally:
            await self.close()

    async def kill(self) -> None:
        """End it at once, as a crash would (kill -9)."""
        self.signal(signal.SIGKILL)
        await self._ended(PATIENCE_S)

    async def restart(self) -> None:
        """Kill it, and start it again on the same port."""
        await self.kill()
        await self.start()

    def freeze(self) -> None:
        """Let it stand still: connections stay open, and nothing answers (SIGSTOP). It does when this returns."""
        self.signal(signal.SIGSTOP)
        while self.alive and any(state != "T" for state in _thread_states(self.pid)):
            time.sleep(0.001)

    def resume(self) -> None:
        """Let it go on."""
        self.signal(signal.SIGCONT)

    def signal(self, number: signal.Signals) -> None:
        if self.alive:
            os.kill(self.pid, number)

    def output(self) -> str:
        """What it has said."""
        return (self.folder / "output.log").read_text(errors="replace")

    async def _answers(self) -> bool:
        assert self.alive, f"{self.name} ended before it was ready:\n{self.output()}"
        return await self.is_ready()

    async def _ended(self, timeout: float) -> None:
        await wait_until(lambda: not self.alive, timeout, f"{self.name} has ended")


def _thread_states(pid: int) -> list[str]:
    """The state of each thread of a process, as a letter; see proc(5)."""
    files = Path(f"/proc/{pid}/task").glob("*/stat")
    return [file.read_text().rpartition(")")[2].split()[0] for file in files]


def free_port() -> int:
    """A port of 127.0.0.1 that was free just now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def can_connect(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as one:
        one.settimeout(1)
        return one.connect_ex(("127.0.0.1", port)) == 0


def program(name: str, *places: Path) -> Path | None:
    """Where the program *name* is: in one of *places*, or on the PATH."""
    for place in places:
        if os.access(place / name, os.X_OK):
            return place / name
    found = shutil.which(name)
    return Path(found) if found else None


class Missing(Exception):
    """A program is not on this machine. A test is skipped for it, or fails where `CI` is set: see tests/conftest.py."""


def missing(what: str, how: str) -> NoReturn:
    """Raise `Missing` for want of *what*, saying *how* to get it."""
    raise Missing(f"{what} is not there: {how}")


def launch(command: Sequence[str | Path], environment: Mapping[str, str], output: Path) -> subprocess.Popen[bytes]:
    """Start a process that outlives the call; what it says goes to the end of *output*."""
    with output.open("ab") as file:
        return subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )


async def run(command: Sequence[str | Path], environment: Mapping[str, str], timeout: float = PATIENCE_S) -> str:
    """Run a command to its end; what it printed. Raises `AssertionError` where it fails."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    async with asyncio.timeout(timeout):
        printed, _ = await process.communicate()
    assert process.returncode == 0, f"{command[0]} ended with {process.returncode}:\n{printed.decode()}"
    return printed.decode()
