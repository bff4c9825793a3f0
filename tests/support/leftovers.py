"""What a test must not leave behind: tasks that still run, processes that still live."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
from tests.support.nursery import is_shared
from tests.support.wait import wait_until

_PROCESSES = Path("/proc")
#: An option of the kernel that few are built without.
_KERNEL_SAYS = (_PROCESSES / "thread-self" / "children").exists()


def tasks(loop: asyncio.AbstractEventLoop) -> set[asyncio.Task[object]]:
    """The unfinished tasks of *loop*, without the one that asks."""
    asks = asyncio.current_task() if loop.is_running() else None
    return {task for task in asyncio.all_tasks(loop) if task is not asks}


class Leftovers:
    """Compares what is there after a test with what was there before it.

    There are thousands of tests, so looking is cheap: the kernel says who is whose child, and below a process that may
    stay nobody is asked.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, expected: Callable[[psutil.Process], bool]) -> None:
        """*expected*: whether a process may stay with all below it, as a server that the whole session shares does. The
        nursery may stay, but not what it started."""
        self._loop = loop
        self._expected = expected
        self._stay: set[psutil.Process] = set()
        self._tasks: set[asyncio.Task[object]] = set()
        self._processes: set[psutil.Process] = set()

    def begin(self) -> None:
        """A test begins: what is there now was there before it."""
        self._tasks = tasks(self._loop)
        self._processes = set(self._below(os.getpid()))

    def check(self, timeout: float = 5.0) -> None:
        """Raise `AssertionError` naming what is left; gives it *timeout* seconds to end by itself."""
        if self.found():
            what = "tasks and processes of the test have ended"
            self._loop.run_until_complete(wait_until(lambda: not self.found(), timeout, what))

    def found(self) -> list[str]:
        """What is left now, in words."""
        left = [f"task {task!r}" for task in tasks(self._loop) - self._tasks]
        return left + [f"process {_describe(one)}" for one in set(self._below(os.getpid())) - self._processes]

    def _below(self, pid: int) -> Iterator[psutil.Process]:
        """The living processes below *pid*, however deep, without those that may stay."""
        for child in _children(pid):
            try:
                process = psutil.Process(child)
            except psutil.NoSuchProcess:
                continue  # it has just ended
            if process in self._stay:
                continue
            if self._expected(process):
                self._stay.add(process)
                continue
            if not is_shared(child):
                yield process
            yield from self._below(child)


def _children(pid: int) -> Iterator[int]:
    """The processes that threads of *pid* have started and that were not waited for."""
    if not _KERNEL_SAYS:
        yield from (child.pid for child in psutil.Process(pid).children())
        return
    with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
        for thread in list((_PROCESSES / str(pid) / "task").iterdir()):
            with suppress(FileNotFoundError, ProcessLookupError):  # or this thread of it has, and the others have not
                yield from map(int, (thread / "children").read_text().split())


def _describe(process: psutil.Process) -> str:
    try:
        return f"{process.pid}: {' '.join(process.cmdline())}"
    except psutil.Error:
        return str(process.pid)
