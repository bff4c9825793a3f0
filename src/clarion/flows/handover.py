"""Handing new jobs straight to the consumer of this process: written as claimed, so that nobody need look for them.

What a lone trigger waits for beside a busy worker is turns of its loop, and a ring and a claim are six of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from clarion.queue.job import Job


class Taker(Protocol):
    """The consumer of one queue."""

    @property
    def has_room(self) -> bool:
        """Whether it would take more jobs."""

    def offer(self, jobs: Sequence[Job]) -> None:
        """Take on *jobs* that were added as claimed by its worker."""


@dataclass(slots=True)
class Handover:
    """Who takes jobs in this process."""

    #: The worker in whose name jobs are claimed, and for how long.
    worker: str
    lease: timedelta
    #: By queue; filled in when the consumers are there.
    takers: Mapping[str, Taker] = field(default_factory=dict)

    def open(self) -> list[str]:
        """The queues whose jobs may be added as claimed just now."""
        return [queue for queue, taker in self.takers.items() if taker.has_room]

    def give(self, jobs: Sequence[Job]) -> set[str]:
        """Hand over jobs that are committed as claimed; their queues, which nobody need ring for."""
        by_queue: dict[str, list[Job]] = {}
        for job in jobs:
            by_queue.setdefault(job.queue, []).append(job)
        for queue, some in by_queue.items():
            self.takers[queue].offer(some)
        return set(by_queue)
