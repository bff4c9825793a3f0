"""Processes that belong to this one: started, watched, started again when they die, and ended with it."""

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

log = structlog.get_logger()

_PATIENCE = timedelta(seconds=60)
_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 5.0
#: A child that lived this long was well; the next pause is short again.
_WELL_S = 30.0


class Child:
    """One command of ours as a process. It ends by itself when this process is gone, however that came about."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """*command* is what follows ``clarion``; *environment* is added to our own."""
        self.name = name
        self._command = command
        self._environment = environment
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """The process id, once started."""
        return self._process.pid if self._process else None

    async def start(self) -> dict[str, Any]:
        """Start it and wait until it is ready; the facts it tells.

        Raises `Unavailable` when it ends instead, or is not ready within a minute.
        """
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "clarion", *self._command, "--child"),
            env={**os.environ, **self._environment},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,  # a ^C at the terminal is ours to pass on, in order
        )
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(_PATIENCE.total_seconds()):
                line = await self._process.stdout.readline()
        except TimeoutError:
            await self.stop(timedelta(0))
            raise Unavailable(
                f"The {self.name} process is not ready after {_PATIENCE.total_seconds():.0f} s."
            ) from None
        if not line:
            code = await self._process.wait()
            raise Unavailable(
                f"The {self.name} process ended with code {code} before it was ready; see its words above."
            )
        facts: dict[str, Any] = json.loads(line)
        log.info("process.ready", child=self.name, pid=self._process.pid)
        return facts

    async def wait(self) -> int:
        """Wait until it ends; its exit code."""
        assert self._process is not None
        return await self._process.wait()

    async def stop(self, patience: timedelta) -> None:
        """Ask it to stop, wait for at most *patience*, then kill it."""
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


async def keep_running(children: Sequence[Child], stopping: asyncio.Event, *, patience: timedelta) -> None:
    """Start *children*, start again what dies, and stop all of them when *stopping* is set."""
    for child in children:
        await child.start()
    await watch(children, stopping, patience=patience)


async def watch(children: Sequence[Child], stopping: asyncio.Event, *, patience: timedelta) -> None:
    """The same for children that are started already. They are stopped in order, the first one first."""
    watching = [asyncio.create_task(_keep(child)) for child in children]
    try:
        await stopping.wait()
    finally:
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
        for child in children:
            await child.stop(patience + timedelta(seconds=10))


async def _keep(child: Child) -> None:
    pause = _FIRST_PAUSE_S
    while True:
        began = asyncio.get_running_loop().time()
        code = await child.wait()
        if asyncio.get_running_loop().time() - began > _WELL_S:
            pause = _FIRST_PAUSE_S
        log.error("process.died", child=child.name, code=code, again_in_s=pause)
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE_S)
        with suppress(Unavailable):
            await child.start()
