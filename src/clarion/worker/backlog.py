"""Jobs in hand that are not begun: kept fair, so that one tenant's many do not stand before another's one."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Collection, Iterable
from uuid import UUID

from clarion.queue.job import Job

#: Priorities up to this one (critical, high) never wait for a crowd.
URGENT = 1
#: So many jobs in one lane are a crowd: one more of them can wait, another lane's only one cannot.
CROWD = 10


class Backlog:
    """Claimed jobs by priority and lane. Lanes take turns within a priority; within a lane the order is kept."""

    def __init__(self) -> None:
        self._lanes: dict[int, OrderedDict[int, deque[Job]]] = {}
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, jobs: Iterable[Job]) -> None:
        """Put *jobs*, in their order, behind those that are there."""
        for job in jobs:
            lanes = self._lanes.setdefault(job.priority, OrderedDict())
            lanes.setdefault(job.lane, deque()).append(job)
            self._size += 1

    @property
    def urgent(self) -> int:
        """How many of them are of the urgent priorities."""
        return sum(len(jobs) for one, lanes in self._lanes.items() if one <= URGENT for jobs in lanes.values())

    def crowded(self, crowd: int = CROWD) -> set[tuple[int, int]]:
        """The lanes (priority, number) that hold *crowd* jobs or more, of priorities that are not urgent."""
        return {
            (priority, number)
            for priority, lanes in self._lanes.items()
            for number, jobs in lanes.items()
            if priority > URGENT and len(jobs) >= crowd
        }

    def take(
        self, most: int, *, least_urgent: int | None = None, without: Collection[tuple[int, int]] = ()
    ) -> list[Job]:
        """At most *most* jobs of one kind, the most urgent first.

        Only priorities up to *least_urgent* if given, and from no lane (priority, number) in *without*.
        """
        taken: list[Job] = []
        for priority in sorted(self._lanes):
            if least_urgent is not None and priority > least_urgent:
                break
            lanes = self._lanes[priority]
            apart = {number: lanes.pop(number) for one, number in without if one == priority and number in lanes}
            self._take_from(lanes, most, taken)
            lanes.update(apart)
            if not lanes:
                del self._lanes[priority]
            if len(taken) == most:
                break
        self._size -= len(taken)
        return taken

    def drop(self, gone: Iterable[UUID]) -> set[UUID]:
        """Forget jobs that are no longer ours; those of them that were here."""
        ids = set(gone)
        all_jobs = self.take_all()
        self.add(job for job in all_jobs if job.id not in ids)
        return {job.id for job in all_jobs if job.id in ids}

    def take_all(self) -> list[Job]:
        """Everything, in order of priority and lane."""
        jobs = [job for priority in sorted(self._lanes) for lane in self._lanes[priority].values() for job in lane]
        self._lanes.clear()
        self._size = 0
        return jobs

    @staticmethod
    def _take_from(lanes: OrderedDict[int, deque[Job]], most: int, taken: list[Job]) -> None:
        passed = 0  # lanes in a row whose next job is of another kind
        while lanes and len(taken) < most and passed < len(lanes):
            lane, jobs = next(iter(lanes.items()))
            lanes.move_to_end(lane)
            if taken and jobs[0].kind != taken[0].kind:
                passed += 1
                continue
            passed = 0
            taken.append(jobs.popleft())
            if not jobs:
                del lanes[lane]
