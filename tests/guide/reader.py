"""Somebody who follows the tutorial to the letter, at two terminals."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tests.guide.page import Hear, Start, Step, Type, Write, seen
from tests.support.command import Program, environment
from tests.support.wait import wait_until

#: The port in the pages; a test takes a free one.
_PORT = "127.0.0.1:8000"
#: Commands that only look: a reader is slower than a test, so they are asked again until they show it.
_LOOKS = re.compile(r"curl (?!.*-X )|clarion (messages|triggers|queues|topics show|recipients show)\b", re.DOTALL)
_ID = re.compile(r"\b(trg|msg)_…")
_PATIENCE_S = 20.0


class Reader:
    """Does what the steps of a page say, in a home of their own."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "home"
        self._folder.mkdir()
        self._said = home / "said"
        self._said.mkdir()
        with socket.create_server(("127.0.0.1", 0)) as server:
            self._address = f"127.0.0.1:{server.getsockname()[1]}"
        programs = Path(sys.executable).parent
        settings = {"HOME": str(self._folder), "CLARION_PORT": self._address.partition(":")[2]}
        self._environment = environment(**settings)
        self._environment["PATH"] = f"{programs}:{self._environment['PATH']}"
        self._running: Program | None = None
        self._seen = ""

    async def follow(self, steps: Sequence[Step]) -> None:
        """Take *steps* one after the other; in the end, stop what was left running as a reader would."""
        try:
            for step in steps:
                await self._take(step)
        finally:
            if self._running is not None:
                await self._interrupt(self._running)

    async def _take(self, step: Step) -> None:
        match step:
            case Write(name, content):
                path = self._folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(content)
            case Start():
                self._running = Program(self._said, "up", CLARION_PROJECT=str(self._folder), **self._own())
                self._running.start()
                await self._running.says(r"Clarion is up: (\S+)")
            case Hear(lines):
                for line in lines:
                    said = partial(self._says, self._there(line))
                    await wait_until(said, _PATIENCE_S, f"`clarion up` says {line!r}")
            case Type():
                await self._type(step)

    async def _type(self, step: Type) -> None:
        command = _ID.sub(self._id, self._there(step.command))
        looks = _LOOKS.match(command) is not None
        output = ""

        async def shown() -> bool:
            nonlocal output
            output = await asyncio.to_thread(self._run, command)
            return all(seen(self._there(line), output) for line in step.shows)

        if looks:
            try:
                await wait_until(shown, _PATIENCE_S, command)
            except AssertionError:
                raise AssertionError(f"{command}\nshows\n{output}\nand not\n{step.shows}") from None
        else:
            assert await shown(), f"{command}\nshows\n{output}\nand not\n{step.shows}"
        self._seen += output

    def _run(self, command: str) -> str:
        """What *command* shows, on both outputs; it must end well. A ``cd`` in it counts for those that follow."""
        script = f"{command}\n_code=$?\npwd >{self._said}/where\nexit $_code"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{command}\nended with {done.returncode}:\n{done.stdout}"
        self._folder = Path((self._said / "where").read_text().strip())
        return done.stdout

    async def _interrupt(self, running: Program) -> None:
        running.signal(signal.SIGINT)
        assert await running.wait() == 0, running.err
        await running.is_gone()

    def _says(self, line: str) -> bool:
        assert self._running is not None, "nothing was left running"
        return seen(line, f"{self._running.out}\n{self._running.err}")

    def _own(self) -> dict[str, str]:
        return {name: value for name, value in self._environment.items() if name.startswith("CLARION_")}

    def _there(self, text: str) -> str:
        return text.replace(_PORT, self._address)

    def _id(self, short: re.Match[str]) -> str:
        """The newest id of this kind that was shown."""
        shown = re.findall(rf"\b{short[1]}_[0-9a-f]{{32}}\b", self._seen)
        assert shown, f"no id was shown that {short[0]} could stand for"
        return str(shown[-1])
