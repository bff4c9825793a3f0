"""One process that belongs to this one: started, told to stop, and ended with it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

import structlog

from clarion.errors import Unavailable
from clarion.project.aliases import ALIASES

log = structlog.get_logger()

_PATIENCE = timedelta(seconds=60)
_OURS = "CLARION_"


class Child:
    """One command of ours as a process. It ends by itself when this process is gone, however that came about.

    It may be warmed up before its settings are known: `warm`, then `tell`, then `start`.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        inherit: bool = True,
        holding: Sequence[int] = (),
    ) -> None:
        """*command* is what follows ``clarion``; *environment* is added to our own.

        Without *inherit* none of our own settings reach it. *holding*: descriptors of locks that it holds while it
        lives.
        """
        self.name = name
        self._command = list(command)
        self._environment = dict(environment)
        self._inherit = inherit
        self._holding = tuple(holding)
        self._process: asyncio.subprocess.Process | None = None
        self._told = False

    @property
    def pid(self) -> int | None:
        """The process id, once started."""
        return self._process.pid if self._process else None

    def keep(self, option: str, value: object) -> None:
        """Give *option* to every later start: others rely on what the first one chose, such as a free port."""
        self._command += [option, str(value)]

    def tell(self, environment: Mapping[str, str]) -> None:
        """Add *environment* to what `start` tells it, now and at every later start."""
        self._environment |= environment

    async def warm(self) -> None:
        """Have the process load what it needs, and wait for its settings, which `start` tells it."""
        self._told = False
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "clarion", *self._command, "--child", "--late"),
            env=_environment(os.environ, self._environment, inherit=self._inherit),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=self._holding,
            start_new_session=True,  # a ^C at the terminal is ours to pass on, in order
        )

    async def start(self) -> dict[str, Any]:
        """Start it and wait until it is ready; the facts it tells.

        Raises `Unavailable` when it ends instead, or is not ready within a minute.
        """
        if self._told or self._process is None:
            await self.warm()
        assert self._process is not None and self._process.stdout is not None
        self._tell_it(self._process)
        try:
            async with asyncio.timeout(_PATIENCE.total_seconds()):
                line = await self._process.stdout.readline()
        except TimeoutError:
            await self.stop(timedelta(0))
            seconds = f"{_PATIENCE.total_seconds():.0f} s"
            raise Unavailable(f"The {self.name} process is not ready after {seconds}.") from None
        if not line:
            code = await self._process.wait()
            raise Unavailable(f"The {self.name} process ended with code {code} before it was ready; it said why above.")
        facts: dict[str, Any] = json.loads(line)
        log.info("process.ready", child=self.name, pid=self._process.pid)
        return facts

    async def wait(self) -> int:
        """Wait until it ends; its exit code."""
        assert self._process is not None
        return await self._process.wait()

    async def stop(self, patience: timedelta) -> None:
        """Ask it to stop, wait for at most *patience*, then kill it. Does nothing when it does not run."""
        if self._process is None or self._process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(patience.total_seconds()):
                await self._process.wait()
        except TimeoutError:
            log.warning("process.killed", child=self.name, pid=self._process.pid)
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()

    def _tell_it(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        process.stdin.write(json.dumps(self._environment).encode() + b"\n")
        self._told = True


def _environment(ours: Mapping[str, str], changes: Mapping[str, str], *, inherit: bool) -> dict[str, str]:
    """*ours* with *changes*. A changed setting must not be given a second time by a file."""
    files = {f"{name}_FILE" for name in changes}
    kept = {name: value for name, value in ours.items() if name not in files}
    if not inherit:
        kept = {name: value for name, value in kept.items() if not name.startswith(_OURS) and name not in ALIASES}
    return {**kept, **changes}
