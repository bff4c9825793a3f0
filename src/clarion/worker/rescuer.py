"""Gives back the jobs of workers that died or froze."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import structlog

from clarion.queue.job import Pool
from clarion.queue.rescue import cut_off, rescue

log = structlog.get_logger()

_BATCH = 500


class Rescuer:
    """A duty: leases that ran out are taken back, so that others can claim the jobs."""

    def __init__(self, pool: Pool, wake: Callable[[str], None], *, lease: timedelta) -> None:
        """*lease* is how long a worker may say nothing."""
        self._pool = pool
        self._wake = wake
        self._lease = lease

    async def run_once(self) -> int:
        """Take back all that ran out; how many jobs that were."""
        count = 0
        async with self._pool.acquire() as connection:
            if pids := await cut_off(connection, self._lease):
                log.warning("worker.cut_off", sessions=pids)
            while rescued := await rescue(connection, _BATCH):
                count += len(rescued)
                for queue in {job.queue for job in rescued}:
                    self._wake(queue)
                for job in rescued:
                    log.warning("job.rescued", job=str(job.id), queue=job.queue, worker=job.worker, rescues=job.rescues)
                if len(rescued) < _BATCH:
                    break
        return count
