"""How much memory a process takes at most."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psutil

EVERY_S = 0.1


class Peak:
    """The most memory that was resident, of the largest process of a program: a supervisor does no work."""

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self.rss_mb = 0.0

    def look(self) -> None:
        """Look once."""
        try:
            processes = [self._root, *self._root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return
        for process in processes:
            try:
                self.rss_mb = max(self.rss_mb, process.memory_info().rss / 2**20)
            except psutil.NoSuchProcess:
                continue


@asynccontextmanager
async def watched(pid: int) -> AsyncIterator[Peak]:
    """Look at *pid* and its children ten times a second."""
    peak = Peak(pid)

    async def watch() -> None:
        while True:
            peak.look()
            await asyncio.sleep(EVERY_S)

    watching = asyncio.create_task(watch())
    try:
        yield peak
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
