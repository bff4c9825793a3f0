"""Removes what has been kept long enough, and makes room for what is to come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import structlog

from clarion.queue import retention as job_retention
from clarion.queue import workers
from clarion.queue.job import Pool
from clarion.store import partitions, quarantine, retention, sources

log = structlog.get_logger()

#: How long the counts by minute are kept.
_TALLY = timedelta(days=8)
#: … and how long they stay by the minute before they are summed by the hour.
_FINE = timedelta(hours=2)
#: How long a worker that ended in silence stays on the list.
_SILENT = timedelta(hours=1)
#: The most batches of one kind in one round.
_BATCHES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Ages:
    """How long things are kept once they are finished."""

    completed_jobs: timedelta
    failed_jobs: timedelta
    messages: timedelta
    feed: timedelta
    timers: timedelta


class Pruner:
    """A duty: what is finished goes after its time, and the partitions of the coming weeks are made."""

    def __init__(self, pool: Pool, ages: Ages) -> None:
        self._pool = pool
        self._ages = ages

    async def run_once(self) -> int:
        """One round, in batches that block nobody; how many rows went, not counting whole partitions."""
        async with self._pool.acquire() as connection:
            if made := await partitions.ensure(connection):
                log.info("partitions.made", partitions=made)
            if dropped := await partitions.drop(connection, self._ages.messages):
                log.info("partitions.dropped", partitions=dropped)
            gone = 0
            for prune, age in (
                (job_retention.prune_done, self._ages.completed_jobs),
                (job_retention.prune_buried, self._ages.failed_jobs),
                (job_retention.prune_tally, _TALLY),
                (job_retention.compact_tally, _FINE),
                (workers.prune, _SILENT),
                (sources.prune, _SILENT),
                (retention.prune_triggers, self._ages.messages + partitions.WEEK),
                (retention.prune_feed, self._ages.feed),
                (quarantine.prune, self._ages.messages),
                (retention.prune_timers, self._ages.timers),
            ):
                for _ in range(_BATCHES):
                    count = await prune(connection, age)
                    gone += count
                    if count == 0:
                        break
        if gone:
            log.info("rows.pruned", rows=gone)
        return gone
