"""One process of a scenario: ended, frozen and looked at from outside."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from tests.support.nursery import Born
from tests.support.wait import wait_until

#: How long anything may take that is only slow because the machine is busy.
PATIENCE_S = 60.0


class NotStarted(AssertionError):
    """A process ended before it was ready."""


@dataclass(frozen=True, slots=True)
class Injection:
    """Something that goes wrong inside a process; see `tests.support.crashing`."""

    at: str
    do: str = "kill"
    nth: int = 1


class Process:
    """One process, and what it told when it was ready."""

    def __init__(self, name: str, process: Born, facts: Mapping[str, Any], told: Path) -> None:
        self.name = name
        self.facts = facts
        self._process = process
        self._told = told

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    @property
    def struck(self) -> bool:
        """Whether a point of its injections was reached."""
        return self._told.exists()

    @property
    def frozen(self) -> bool:
        try:
            return self.alive and psutil.Process(self.pid).status() == psutil.STATUS_STOPPED
        except psutil.NoSuchProcess:
            return False  # it has just ended

    def signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            self._process.send_signal(number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)

    def freeze(self) -> None:
        self.signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.signal(signal.SIGCONT)

    async def stop(self) -> int:
        """Ask it to end, and wait until it has; its exit code."""
        self.signal(signal.SIGTERM)
        return await self.ended()

    async def stop_well(self) -> bool:
        """Stop it, woken up where one of its injections freezes it meanwhile; False where it did not end in order."""
        stopping = asyncio.create_task(self.stop())
        while not stopping.done():
            self.resume()
            await asyncio.wait([stopping], timeout=0.5)
        return await stopping == 0 or self.struck

    async def ended(self, timeout: float = PATIENCE_S) -> int:
        """Wait until it has ended; its exit code, negative for a signal."""
        async with asyncio.timeout(timeout):
            return await self._process.wait()

    async def until_struck(self, timeout: float = PATIENCE_S) -> None:
        await wait_until(lambda: self.struck or not self.alive, timeout, f"{self.name} reaches its point")
        assert self.struck, f"{self.name} ended with {self._process.returncode} before it reached its point"

    async def until_struck_or(self, condition: Callable[[], Awaitable[bool]], timeout: float = PATIENCE_S) -> None:
        """Wait until it reaches its point, or *condition* is true because it never will."""

        async def either() -> bool:
            return self.struck or await condition()

        await wait_until(either, timeout, f"{self.name} reaches its point, or is not needed")

    async def until_frozen(self, timeout: float = PATIENCE_S) -> None:
        await wait_until(lambda: self.frozen, timeout, f"{self.name} is frozen")
