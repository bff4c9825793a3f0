"""The command `clarion` as a person runs it: one that ends, and `up`, which stays."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self
from urllib.error import URLError
from urllib.request import urlopen

import psutil
from tests.support import memory, nursery
from tests.support.wait import wait_until

CLARION = (sys.executable, "-m", "clarion")
HOTEL = Path(__file__).parents[2] / "examples" / "hotel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its one JSON object."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """Its JSON objects, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]


def environment(**settings: str) -> dict[str, str]:
    """Ours, with no setting of Clarion but *settings*; what is temporary is in memory where that can be."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CLARION_")}
    if (in_memory := memory.place()) is not None:
        kept["TMPDIR"] = str(in_memory)
    return {**kept, **settings}


async def clarion(
    *arguments: object, stdin: str = "", cwd: Path | None = None, settings: Mapping[str, str] | None = None
) -> Ended:
    """Run `clarion` with *arguments* until it ends; *settings* are its environment.

    It is a copy of a process that has imported everything: that takes longer than what most commands do. What starts
    from nothing is a `Program`, and what `tests/acceptance/test_cli_rules.py` and the tutorial run.
    """
    code, out, err = await asyncio.to_thread(
        partial(nursery.shared().run, cwd=cwd or Path.cwd(), stdin=stdin.encode(), timeout=120),
        "clarion",
        [str(argument) for argument in arguments],
        environment(**(settings or {})),
    )
    return Ended(code=code, out=out.decode(), err=err.decode())


class Program:
    """A `clarion` command that goes on, with all it says in files: use it with ``async with``."""

    def __init__(self, folder: Path, *arguments: object, **settings: str) -> None:
        """*folder* is where its words are kept."""
        self._command = [*CLARION, *map(str, arguments)]
        self._environment = environment(**settings)
        self._out, self._err = folder / "out.txt", folder / "err.txt"
        self._process: subprocess.Popen[bytes] | None = None
        self._family: set[psutil.Process] = set()

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            await self.stop()
        for process in self._living():  # a test that fails must not spoil the next one
            process.kill()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def out(self) -> str:
        return self._out.read_text()

    @property
    def err(self) -> str:
        return self._err.read_text()

    def start(self) -> None:
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self._process = _popen(self._command, self._environment, out, err)

    async def says(self, pattern: str, timeout: float = 60.0) -> str:
        """Wait until it says what *pattern* matches, on either output; the first group, or all of it."""

        def said() -> str | None:
            match = re.search(pattern, self.out + self.err)
            if match is None:
                assert self._process is None or self._process.poll() is None, f"it ended:\n{self.out}\n{self.err}"
                return None
            return match[match.lastindex or 0]

        return str(await wait_until(said, timeout, f"clarion says {pattern!r}"))

    def signal(self, number: int) -> None:
        """Send it a signal; remembers who its children were."""
        self._family |= self.children()
        assert self._process is not None
        self._process.send_signal(number)

    async def wait(self, timeout: float = 60.0) -> int:
        """Wait until it ends; its exit code (negative: the signal that killed it)."""
        assert self._process is not None
        process = self._process
        await wait_until(lambda: process.poll() is not None, timeout, "clarion has ended")
        return int(process.returncode)

    async def stop(self) -> int:
        self.signal(signal.SIGTERM)
        return await self.wait()

    def children(self) -> set[psutil.Process]:
        """All processes below it that live."""
        try:
            return set(psutil.Process(self.pid).children(recursive=True))
        except psutil.NoSuchProcess:
            return set()

    def child(self, command: str) -> psutil.Process:
        """The one child that was started as ``clarion`` *command*."""
        (found,) = [one for one in self.children() if command_of(one) == command]
        return found

    def commands(self) -> list[str]:
        """What its children are: ``api``, ``worker``, ``catcher``; "" for what is none of ours."""
        return sorted(command_of(one) for one in self.children())

    async def is_gone(self, timeout: float = 15.0) -> None:
        """Wait until nothing is left of all that was alive when `signal` was called."""
        await wait_until(lambda: not self._living(), timeout, "every process has ended")

    def _living(self) -> list[psutil.Process]:
        return [one for one in self._family if lives(one)]


class Up(Program):
    """A running `clarion up` on a free port."""

    def __init__(self, folder: Path, *arguments: object, **settings: str) -> None:
        super().__init__(folder, "up", "--port", "0", *arguments, **settings)
        self.address = ""
        self.key = ""

    async def __aenter__(self) -> Self:
        self.start()
        await self.is_up()
        return self

    async def is_up(self) -> None:
        """Wait until it says where it is."""
        self.address = await self.says(r"Clarion is up: (\S+)")
        self.key = await self.says(r"API key: +(\S+)")


def command_of(process: psutil.Process) -> str:
    """Which ``clarion`` command *process* is; "" for any other program."""
    try:
        words = process.cmdline()
    except psutil.Error:
        return ""
    return words[3] if words[1:3] == ["-m", "clarion"] else ""


def answers(url: str) -> int:
    """The status of a GET; 0 when nobody answers."""
    try:
        with urlopen(url, timeout=5) as response:
            return int(response.status)
    except URLError as error:
        return int(getattr(error, "code", 0))
    except (ConnectionError, TimeoutError):
        return 0


async def fetched(url: str) -> Any:
    """The JSON that a GET of *url* answers."""

    def get() -> Any:
        with urlopen(url, timeout=10) as response:
            return json.load(response)

    return await asyncio.to_thread(get)


async def until_answers(url: str, timeout: float = 30.0) -> None:
    """Wait until a GET of *url* answers 200."""

    async def ask() -> bool:
        return await asyncio.to_thread(answers, url) == 200

    there: Callable[[], bool | Awaitable[bool]] = ask
    await wait_until(there, timeout, f"{url} answers 200")


def _popen(
    command: Sequence[str], environment: Mapping[str, str], out: IO[bytes], err: IO[bytes]
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=dict(environment))


def lives(process: psutil.Process) -> bool:
    """Whether it runs; what has ended and was not waited for does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
