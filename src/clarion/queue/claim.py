"""Claiming: by priority, the lanes in turn, then due time, then id; many at once.

A claimer remembers how far it has come in each lane and begins there: without that, entries that are dead but still
visible to some old snapshot would be waded through again by every claim. What it remembers is a hint. Jobs that appear
behind it (given back, or committed late) are found by a claim from the beginning every few seconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from clarion import clock, sql
from clarion.queue.job import LANES, LAST_PRIORITY, Connection, Job

_SQL = sql.load(__file__)

_NO_ID = UUID(int=0)
_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)

#: A transaction that is open this long may still add a job due before what is already claimed.
_LATE_COMMIT = timedelta(seconds=2)
#: How often all lanes are looked at while some have work.
_LOOK_AROUND_S = 0.02
#: How often a claim begins at the beginning.
_START_OVER_S = 3.0
#: … but at most this part of the time is spent on it.
_START_OVER_SHARE = 0.05
#: A lane that had nothing for this long is only looked at with all the others.
_FORGET_S = 30.0


@dataclass(slots=True)
class _Mark:
    """How far this claimer has come in one lane of one priority."""

    at: datetime
    id: UUID
    seen: float


class Claimer:
    """Claims jobs of one queue for one worker. Not to be used by two tasks at once."""

    def __init__(self, queue: str, *, worker: str, lease: timedelta) -> None:
        """*worker* is written to the jobs claimed, for people to see; each is leased for *lease*."""
        self.queue = queue
        self.worker = worker
        self.lease = lease
        self._marks: dict[tuple[int, int], _Mark] = {}
        self._lanes = deque((priority, lane) for lane in range(LANES) for priority in range(LAST_PRIORITY + 1))
        self._looked_around = float("-inf")
        self._started_over = float("-inf")
        self._start_over_took = 0.0

    async def claim(
        self, connection: Connection, limit: int, *, without: Collection[tuple[int, int]] = ()
    ) -> list[Job]:
        """At most *limit* jobs, now leased to this worker, in the order in which they should run.

        None from the lanes (priority, number) in *without*.
        Fewer does not mean that there are no more: another worker may hold some, and a lane that runs dry leaves
        its share unused.
        """
        began = clock.monotonic()
        look_around = began - self._looked_around >= _LOOK_AROUND_S
        start_over = look_around and began - self._started_over >= max(
            _START_OVER_S, self._start_over_took / _START_OVER_SHARE
        )
        jobs = await self._claim(connection, limit, look_around=look_around, start_over=start_over, without=without)
        if not jobs and not look_around:
            look_around = True
            jobs = await self._claim(connection, limit, look_around=True, start_over=False, without=without)
        if look_around:
            self._looked_around = began
        if start_over:
            self._started_over = began
            self._start_over_took = clock.monotonic() - began
        return jobs

    def rewind(self) -> None:
        """Begin the next claim at the beginning: jobs were given back untouched that this claimer has passed."""
        self._looked_around = self._started_over = float("-inf")
        self._start_over_took = 0.0

    async def _claim(
        self,
        connection: Connection,
        limit: int,
        *,
        look_around: bool,
        start_over: bool,
        without: Collection[tuple[int, int]],
    ) -> list[Job]:
        if start_over:
            self._marks.clear()
        self._lanes.rotate(-LAST_PRIORITY - 1)
        lanes = [lane for lane in self._lanes if lane not in without and (look_around or lane in self._marks)]
        if not lanes:
            return []
        marks = [self._marks.get(lane) for lane in lanes]
        rows = await connection.fetch(
            _SQL["claim"],
            self.queue,
            [priority for priority, _ in lanes],
            [lane for _, lane in lanes],
            [mark.at if mark else _BEGINNING for mark in marks],
            [mark.id if mark else _NO_ID for mark in marks],
            limit,
            self.worker,
            self.lease,
        )
        jobs = sorted(map(Job._make, rows), key=_order)
        self._remember(jobs)
        return jobs

    def _remember(self, jobs: list[Job]) -> None:
        now = clock.monotonic()
        settled = clock.now() - _LATE_COMMIT
        for job in jobs:
            mark = self._marks.get((job.priority, job.lane))
            at, id = (job.run_at, job.id) if job.run_at < settled else (settled, _NO_ID)
            if mark is None:
                self._marks[job.priority, job.lane] = _Mark(at, id, now)
            else:
                mark.at, mark.id, mark.seen = at, id, now
        for lane in [lane for lane, mark in self._marks.items() if now - mark.seen > _FORGET_S]:
            del self._marks[lane]


def _order(job: Job) -> tuple[int, datetime, UUID]:
    return job.priority, job.run_at, job.id
