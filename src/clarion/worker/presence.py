"""The worker's own row in the list of workers: there while it lives."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from clarion.queue import workers
from clarion.queue.job import Pool

log = structlog.get_logger()

#: At the end nobody waits longer for a database that is away: the row is pruned in time.
_PATIENCE_S = 2.0


class Presence:
    """A duty: gives a sign of life. `leave` is for the end."""

    def __init__(self, pool: Pool, worker: str, *, host: str, pid: int, queues: Sequence[str]) -> None:
        """*worker* is the name under which it claims jobs."""
        self._pool = pool
        self._worker = worker
        self._host = host
        self._pid = pid
        self._queues = list(queues)

    async def run_once(self) -> None:
        """Be on the list, seen now."""
        async with self._pool.acquire() as connection:
            await workers.seen(connection, self._worker, host=self._host, pid=self._pid, queues=self._queues)

    async def leave(self) -> None:
        """Be on the list no more. Raises nothing: who cannot be reached now forgets this worker by itself."""
        try:
            async with asyncio.timeout(_PATIENCE_S), self._pool.acquire() as connection:
                await workers.leave(connection, self._worker)
        except Exception as error:
            log.warning("worker.leave_failed", worker=self._worker, error=repr(error))
