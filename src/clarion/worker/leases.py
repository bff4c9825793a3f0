"""The jobs that one consumer holds: kept alive while they are at work, given back when they are not to be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from uuid import UUID

import structlog

from clarion.queue import settle
from clarion.queue.job import Job, Pool, PutOff

log = structlog.get_logger()

#: A handler that raises is a bug or an outage of the database: tried again after this, growing to the longest wait.
_FIRST_WAIT, _LONGEST_WAIT = timedelta(seconds=5), timedelta(minutes=10)


class Leases:
    """Claims by job id. A claim that was lost and made again is another one."""

    def __init__(self, pool: Pool, queue: str, *, lease: timedelta) -> None:
        self._pool = pool
        self._queue = queue
        self._lease = lease
        self._held: dict[UUID, Job] = {}

    def __len__(self) -> int:
        return len(self._held)

    def jobs(self) -> Sequence[Job]:
        """All that are held."""
        return list(self._held.values())

    def add(self, jobs: Sequence[Job]) -> None:
        """These were just claimed."""
        self._held.update((job.id, job) for job in jobs)

    def forget(self, jobs: Sequence[Job]) -> None:
        """These claims are over."""
        for job in jobs:
            if self._held.get(job.id) is job:
                del self._held[job.id]

    async def give_back(self, jobs: Sequence[Job], after: timedelta | None = None) -> None:
        """Let others have *jobs*, *after* a while; no attempt is spent on it. Never raises: leases run out."""
        try:
            async with self._pool.acquire() as connection:
                await settle.put_off(connection, [PutOff(job=job, after=after, spent=False) for job in jobs])
        except Exception as error:
            log.warning("worker.give_back_failed", queue=self._queue, jobs=len(jobs), error=repr(error))
        self.forget(jobs)
        if jobs:
            log.info("worker.gave_back", queue=self._queue, jobs=len(jobs))

    async def mark(self, jobs: Mapping[Job, str]) -> None:
        """Give *jobs* back under the paces that they should have had. Never raises: leases run out."""
        try:
            async with self._pool.acquire() as connection:
                await settle.mark(connection, jobs)
        except Exception as error:
            log.warning("worker.give_back_failed", queue=self._queue, jobs=len(jobs), error=repr(error))
        self.forget(list(jobs))

    async def put_off(self, job: Job) -> None:
        """Try *job*, whose handler raised, again later. Never raises."""
        wait = min(_FIRST_WAIT * 2 ** min(job.attempts - 1, 10), _LONGEST_WAIT)
        try:
            async with self._pool.acquire() as connection:
                await settle.put_off(connection, [PutOff(job=job, after=wait, error="its handler raised; see the log")])
        except Exception as error:
            log.warning("job.put_off_failed", job=str(job.id), error=repr(error))

    async def keep(self, drop: Callable[[set[UUID]], set[UUID]]) -> None:
        """Renew all leases three times in each, for ever.

        *drop* is told of claims that are over, and answers which of them had not been begun: those are dropped.
        """
        while True:
            await asyncio.sleep(self._lease.total_seconds() / 3)
            held = self.jobs()
            try:
                async with self._pool.acquire() as connection:
                    gone_ids = await settle.extend(connection, held, self._lease)
                    taken = await settle.taken(connection, (job for job in held if job.id in gone_ids))
            except Exception as error:
                log.warning("worker.heartbeat_failed", queue=self._queue, error=repr(error))
                continue
            # Not those that were finished meanwhile, nor those that were lost and are ours again by a later claim.
            gone = [job for job in held if job.id in gone_ids and self._held.get(job.id) is job]
            if not gone:
                continue
            waited = drop({job.id for job in gone})
            self.forget(gone)
            # A handler may have settled some that it has not returned from yet: these are over, and not lost. Where it
            # has lost one that somebody else has ended since, its own settle finds that out.
            lost = [job for job in gone if job.id in taken or job.id in waited]
            if lost:
                log.warning("job.lease_lost", queue=self._queue, jobs=[str(j.id) for j in lost[:10]], count=len(lost))
