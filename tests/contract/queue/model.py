"""The queue in memory, as the documentation has it: what every statement must do, in the plainest words."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from clarion.queue.buried import Redriven
from clarion.queue.job import LANES, Job, NewJob, lane_of
from clarion.queue.rescue import POISON


@dataclass(kw_only=True)
class ModelJob:
    """One living job."""

    id: UUID
    tenant: UUID
    priority: int
    run_at: datetime
    key: str | None
    args: object
    running: bool = False
    fence: int = 0
    rev: int = 0
    attempts: int = 0
    rescues: int = 0
    cancelled: bool = False
    expired: bool = False
    error: str | None = None

    def again(self) -> None:
        """Ready once more, as if new."""
        self.running, self.attempts, self.rescues = False, 0, 0


@dataclass
class Model:
    """All of one queue. `now` is a time between what is due and what is due later."""

    now: datetime
    jobs: dict[UUID, ModelJob] = field(default_factory=dict)
    #: Buried jobs in the order of their burial.
    buried: dict[UUID, ModelJob] = field(default_factory=dict)
    done: int = 0
    paused: bool = False

    def with_key(self, tenant: UUID, key: str) -> ModelJob | None:
        return next((job for job in self.jobs.values() if job.key == key and job.tenant == tenant), None)

    def add(self, new: NewJob) -> bool:
        """False when the key is taken."""
        if new.key is not None and self.with_key(new.tenant_id, new.key):
            return False
        assert new.run_at is not None
        self.jobs[new.id] = ModelJob(
            id=new.id, tenant=new.tenant_id, priority=new.priority, run_at=new.run_at, key=new.key, args=new.args
        )
        return True

    def set_by_key(self, new: NewJob) -> UUID:
        assert new.key is not None and new.run_at is not None
        job = self.with_key(new.tenant_id, new.key)
        if job is None:
            self.add(new)
            return new.id
        job.run_at, job.args, job.priority = new.run_at, new.args, new.priority
        job.rev, job.cancelled, job.error = job.rev + 1, False, None
        if not job.running:
            job.attempts = 0
        return job.id

    def cancel(self, tenant: UUID, key: str) -> str:
        job = self.with_key(tenant, key)
        if job is None:
            return "too_late"
        if job.running:
            job.cancelled = True
            return "cancelling"
        del self.jobs[job.id]
        return "cancelled"

    def claim(self, limit: int) -> list[UUID]:
        """By priority; within it each lane that has work gets the same share, from lane 1 on round to lane 0."""
        if self.paused:
            return []
        lanes: dict[int, dict[int, list[ModelJob]]] = defaultdict(lambda: defaultdict(list))
        for job in self.jobs.values():
            if not job.running and job.run_at <= self.now:
                lanes[job.priority][lane_of(job.tenant)].append(job)
        picked: list[ModelJob] = []
        for _, of_priority in sorted(lanes.items()):
            share = max(1, limit // len(of_priority))
            for lane in sorted(of_priority, key=lambda lane: (lane - 1) % LANES):
                picked += sorted(of_priority[lane], key=lambda job: (job.run_at, job.id))[:share]
        picked = picked[:limit]
        for job in picked:
            job.running, job.fence, job.attempts, job.expired = True, job.fence + 1, job.attempts + 1, False
        return [job.id for job in sorted(picked, key=lambda job: (job.priority, job.run_at, job.id))]

    def held(self, claimed: Job) -> ModelJob | None:
        """The living job, if this claim still holds it."""
        job = self.jobs.get(claimed.id)
        return job if job and job.running and job.fence == claimed.fence else None

    def settle(self, claimed: Job) -> bool:
        """False when it was lost."""
        job = self.held(claimed)
        if job is None:
            return False
        self.done += 1
        if job.rev != claimed.rev and not job.cancelled:
            job.again()
            job.error = None
        else:
            del self.jobs[job.id]
        return True

    def put_off(self, claimed: Job, run_at: datetime | None, *, spent: bool, error: str | None) -> bool:
        job = self.held(claimed)
        if job is None:
            return False
        if job.cancelled:
            del self.jobs[job.id]
            return True
        if job.rev != claimed.rev:
            job.again()
        else:
            job.running = False
            job.run_at = run_at or job.run_at
            job.attempts -= not spent
        job.error = error or job.error
        return True

    def bury(self, claimed: Job, error: str) -> bool:
        job = self.held(claimed)
        if job is None:
            return False
        if job.rev != claimed.rev and not job.cancelled:
            job.again()
            job.error = None
            return True
        del self.jobs[job.id]
        if not job.cancelled:
            job.error = error
            self.buried[job.id] = job
        return True

    def extend(self, claimed: Job) -> bool:
        job = self.held(claimed)
        return job is not None and not job.expired

    def rescue(self) -> frozenset[UUID]:
        expired = [job for job in self.jobs.values() if job.running and job.expired]
        # All are claimed by one worker, which begins one suspect at a time: with several, it came to none of them.
        suspects = sorted((job for job in expired if job.rescues == POISON - 1), key=lambda job: job.id)
        for job in expired:
            if job.cancelled:
                del self.jobs[job.id]
            else:
                job.running, job.rescues = False, job.rescues + (job not in suspects[1:])
        return frozenset(job.id for job in expired)

    def redrive(self) -> Redriven:
        """What is ready again, and what stays because its key is taken."""
        ready = []
        for job in list(self.buried.values()):
            if job.key is None or self.with_key(job.tenant, job.key) is None:
                del self.buried[job.id]
                self.jobs[job.id] = ModelJob(
                    id=job.id,
                    tenant=job.tenant,
                    priority=job.priority,
                    run_at=self.now,
                    key=job.key,
                    args=job.args,
                    error=job.error,
                    fence=job.fence,
                )
                ready.append(job.id)
        return Redriven(ready=frozenset(ready), taken=frozenset(self.buried))
