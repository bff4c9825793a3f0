"""Claiming jobs that keep to a pace of their own: of each pace no more than it can use soon.

They stand in lanes apart (`job.lane_of`), which other claims never look into: a million of them cost nobody anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from clarion import sql
from clarion.queue.job import Connection, Job

_SQL = sql.load(__file__)


async def claim_paced(
    connection: Connection,
    queue: str,
    sizes: Mapping[str, int],
    limit: int,
    *,
    usual: int,
    worker: str,
    lease: timedelta,
) -> list[Job]:
    """At most *limit* paced jobs of *queue*, leased to *worker*, in the order in which they should run.

    Of each pace and priority at most what *sizes* says, *usual* where it says nothing; what has work is found out here.
    """
    rows = await connection.fetch(
        _SQL["claim"], queue, list(sizes.keys()), list(sizes.values()), usual, limit, worker, lease
    )
    return sorted(map(Job._make, rows), key=lambda job: (job.priority, job.run_at, job.id))
