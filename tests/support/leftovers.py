"""What a test must not leave behind: tasks that still run, processes that still live."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import psutil
from tests.support.wait import wait_until


def tasks() -> set[asyncio.Task[object]]:
    """The unfinished tasks of this event loop, without the one that asks."""
    return {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}


def processes() -> set[psutil.Process]:
    """The living processes below this one, however deep; what has exited and was reaped is not among them."""
    return set(psutil.Process().children(recursive=True))


class Leftovers:
    """Compares what is there after a test with what was there before it."""

    def __init__(self, expected: Callable[[psutil.Process], bool]) -> None:
        """*expected*: whether a process may stay, such as a database server that the whole session shares."""
        self._expected = expected
        self._tasks = tasks()
        self._processes = processes()

    async def check(self, timeout: float = 5.0) -> None:
        """Raise `AssertionError` naming what is left; gives it *timeout* seconds to end by itself."""
        await wait_until(lambda: not self.found(), timeout, "tasks and processes of the test have ended")

    def found(self) -> list[str]:
        """What is left now, in words."""
        left = [f"task {task!r}" for task in tasks() - self._tasks]
        return left + [f"process {_describe(one)}" for one in processes() - self._processes if not self._expected(one)]


def _describe(process: psutil.Process) -> str:
    try:
        return f"{process.pid}: {' '.join(process.cmdline())}"
    except psutil.Error:
        return str(process.pid)
