"""Removes what has been kept long enough, and makes room for what is to come."""

from __future__ import annotations

from datetime import timedelta

import structlog

from clarion.queue import retention
from clarion.queue.job import Pool
from clarion.store import partitions

log = structlog.get_logger()

#: How long the counts by minute are kept, beyond what jobs are.
_TALLY = timedelta(days=8)
_BATCHES = 100


class Pruner:
    """A duty: finished jobs go after their time, and the partitions of the coming weeks are made."""

    def __init__(self, pool: Pool, *, completed_jobs: timedelta, failed_jobs: timedelta) -> None:
        self._pool = pool
        self._completed_jobs = completed_jobs
        self._failed_jobs = failed_jobs

    async def run_once(self) -> int:
        """One round, in batches that block nobody; how many rows went."""
        async with self._pool.acquire() as connection:
            made = await partitions.ensure(connection)
            if made:
                log.info("partitions.made", partitions=made)
            gone = 0
            for prune, age in (
                (retention.prune_done, self._completed_jobs),
                (retention.prune_buried, self._failed_jobs),
                (retention.prune_tally, _TALLY),
                (retention.compact_tally, timedelta(hours=2)),
            ):
                for _ in range(_BATCHES):
                    count = await prune(connection, age)
                    gone += count
                    if count == 0:
                        break
        return gone
