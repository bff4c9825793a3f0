"""Claiming jobs that keep to a pace of their own: of each pace no more than it can use soon.

They stand in lanes apart (`job.lane_of`), which other claims never look into: a million of them cost nobody anything.
"""

from __future__ import annotations

import random
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
    urgent: Mapping[str, int] | None = None,
    least_urgent: int = 1,
    usual: int,
    worker: str,
    lease: timedelta,
) -> list[Job]:
    """At most *limit* paced jobs of *queue*, leased to *worker*, in the order in which they should run.

    Of each pace and priority at most what *sizes* says, of priorities up to *least_urgent* what *urgent* says, *usual*
    where they say nothing; what has work is found out here. Paces take turns in being the first.
    """
    most = sizes if urgent is None else urgent
    rows = await connection.fetch(
        _SQL["claim"],
        queue,
        list(sizes.keys()),
        list(sizes.values()),
        usual,
        limit,
        worker,
        lease,
        [most.get(pace, usual) for pace in sizes],
        least_urgent,
        random.getrandbits(31),
    )
    return sorted(map(Job._make, rows), key=lambda job: (job.priority, job.run_at, job.id))
