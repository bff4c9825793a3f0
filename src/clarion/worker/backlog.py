"""Jobs in hand that are not begun: kept fair, so that one tenant's many do not stand before another's one."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from uuid import UUID

from clarion.queue.job import Job


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

    def take(self, most: int, *, least_urgent: int | None = None) -> list[Job]:
        """At most *most* jobs of one kind, the most urgent first; only priorities up to *least_urgent* if given."""
        taken: list[Job] = []
        for priority in sorted(self._lanes):
            if least_urgent is not None and priority > least_urgent:
                break
            self._take_from(self._lanes[priority], most, taken)
            if not self._lanes[priority]:
                del self._lanes[priority]
            if len(taken) == most:
                break
        self._size -= len(taken)
        return taken

    def drop(self, gone: Iterable[UUID]) -> None:
        """Forget jobs that are no longer ours."""
        ids = set(gone)
        kept = [job for job in self.take_all() if job.id not in ids]
        self.add(kept)

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
