"""A worker of a queue of BullMQ, as a source of deliveries."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import orjson
import structlog

from clarion.brokers.base import Delivery, Disconnected, Source
from clarion.brokers.bullmq.calls import Calls
from clarion.brokers.bullmq.connection import Connection
from clarion.brokers.bullmq.job import Job, refusal
from clarion.brokers.bullmq.keys import Keys
from clarion.brokers.bullmq.worker import AT_ONCE, Claim, Worker
from clarion.domain.source import BullSource

log = structlog.get_logger()

#: How long an idle worker waits before it looks again by itself, in seconds.
IDLE_S = 5.0
#: So many are handed over together at most, give or take one claim.
MOST = 500
#: How long to wait for a place in a queue whose active jobs are limited, or that allows so many in a time.
FULL_S = 1.0


class BullMQSource(Source):
    """Takes jobs of the queue that *spec* names, and settles them in Redis as BullMQ's own worker does.

    With ``complete_on: sent`` a job stays active, its lock renewed here, until it is acknowledged or failed. Failed is
    failed for good: what is worth another try is tried again before, by the workflow; and somebody who retries the job
    by hand makes a new delivery of it.
    """

    def __init__(
        self,
        spec: BullSource,
        url: str,
        *,
        worker: str,
        lock: timedelta = timedelta(seconds=15),
        rescue_every: timedelta = timedelta(seconds=5),
    ) -> None:
        """*worker* is shown as processing the jobs. A job whose worker is lost waits again after *lock* and up to two
        times *rescue_every*."""
        keys = Keys(spec.prefix, spec.queue)
        self.name = spec.name
        self.follows = spec.complete_on == "sent"
        self._spec = spec
        self._marker_key = keys.of("marker")[0]
        self._commands = Connection(url, name=f"clarion:{quote(worker)}:{quote(spec.queue)}")
        # The name by which BullMQ's own tools find the workers of a queue.
        queue = base64.b64encode(spec.queue.encode()).decode()
        self._marker = Connection(url, name=f"{quote(spec.prefix)}:{queue}:w:clarion:{quote(worker)}")
        self._worker = Worker(self._commands, keys, name=worker, lock=lock)
        self._renew_every = lock / 3
        self._rescue_every = rescue_every
        self._token = secrets.token_hex(16)
        self._claims = 0
        #: By id; what was handed over, or is about to be, and is not settled.
        self._held: dict[str, Job] = {}
        #: Ids of those of them whose end Redis is being told.
        self._settling: set[str] = set()
        self._settled = asyncio.Event()
        self._fault: Disconnected | None = None
        self._closing = False
        #: Whether somebody wants more; who reads no more may still settle what there is.
        self._reading = False
        self._waiting: asyncio.Task[Any] | None = None
        self._keepers: list[asyncio.Task[None]] = []
        self._calls = Calls()

    async def open(self) -> None:
        await self._commands.open()
        await self._commands.check_version()
        await self._marker.open()
        self._keepers = [
            asyncio.create_task(self._keep_on(self._renew, self._renew_every)),
            asyncio.create_task(self._keep_on(self._rescue, self._rescue_every)),
        ]

    async def batches(self) -> AsyncIterator[Sequence[Delivery]]:
        self._reading = True
        try:
            while not self._closing:
                if self._fault is not None:
                    raise self._fault
                self._settled.clear()
                room = self._spec.concurrency - len(self._held)
                if room <= 0:
                    await self._settled.wait()
                    continue
                claim, deliveries = await self._calls.whole(self._take(room))
                if deliveries:
                    yield deliveries
                elif not claim.jobs:
                    await self._idle(claim)
        except Disconnected as error:
            self._fault = error
            raise
        finally:
            self._reading = False

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        ended = [(self._job(one), orjson.dumps({"delivery": one.id}).decode()) for one in deliveries]
        await self._settle([job for job, _ in ended], self._worker.complete(ended))

    async def nack(self, deliveries: Sequence[Delivery], *, after: timedelta | None = None) -> None:
        jobs = [self._job(one) for one in deliveries]
        await self._settle(jobs, self._worker.postpone(jobs, after or timedelta()))

    async def fail(self, delivery: Delivery, reason: str) -> None:
        job = self._job(delivery)
        await self._settle([job], self._worker.fail([(job, reason)]))

    async def progress(self, delivery: Delivery, percent: int) -> None:
        await self._calls.whole(self._worker.tell(self._job(delivery), percent))

    async def check(self) -> None:
        await self._calls.whole(self._commands.call("PING"))
        if self._fault is not None:
            raise self._fault
        if self._reading and self._marker.lost is not None:
            raise Disconnected(f"the connection that waits for jobs is lost: {self._marker.lost}")

    async def close(self) -> None:
        """Jobs that are not settled go back at once, for others or the next start."""
        if self._closing:
            return
        self._closing = True
        for task in (*self._keepers, *([self._waiting] if self._waiting else [])):
            task.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        await self._calls.ended()
        if self._held and self._commands.lost is None:
            with contextlib.suppress(Disconnected):
                await self._worker.postpone(list(self._held.values()), timedelta())
        self._held.clear()
        self._settled.set()
        await self._marker.close()
        await self._commands.close()

    async def _take(self, room: int) -> tuple[Claim, list[Delivery]]:
        """Claim all there is room for, and fail at once what can be nothing to us; with the last claim."""
        deliveries: list[Delivery] = []
        while True:
            asked = min(room, AT_ONCE)
            self._claims += 1
            claim = await self._worker.claim(asked, f"{self._token}:{self._claims}")
            self._held.update((job.id, job) for job in claim.jobs)
            if scheduled := sum(job.scheduled for job in claim.jobs):
                log.warning("source.scheduler_not_served", source=self.name, jobs=scheduled)
            refusals = [(job, refusal(job, self._spec.jobs)) for job in claim.jobs]
            deliveries += [_delivery(job) for job, reason in refusals if reason is None]
            if refused := [(job, reason) for job, reason in refusals if reason is not None]:
                log.warning("source.jobs_refused", source=self.name, jobs=len(refused))
                self._let_go([job for job, _ in refused], await self._worker.fail(refused))
            room -= asked
            if not room or len(claim.jobs) < asked or len(deliveries) >= MOST:
                return claim, deliveries

    async def _idle(self, claim: Claim) -> None:
        """Wait until there may be something."""
        if claim.limited or claim.full:
            wait_s = claim.limited.total_seconds() or FULL_S
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._settled.wait(), min(wait_s, FULL_S))
            return
        # Redis before 7.0.8 waits for ever for less than a millisecond.
        until_due = IDLE_S if claim.due is None else max(0.002, claim.due.total_seconds())
        block_s = min(IDLE_S, until_due)
        call = self._marker.call("BZPOPMIN", self._marker_key, block_s, blocks_s=block_s)
        self._waiting = asyncio.create_task(call)
        try:
            await asyncio.wait([self._waiting])
            if not self._waiting.cancelled():
                self._waiting.result()
        finally:
            self._waiting.cancel()
            self._waiting = None

    async def _renew(self) -> None:
        held = [job for id, job in self._held.items() if id not in self._settling]
        lost = await self._calls.whole(self._worker.extend(held))
        # Those that were settled in the meantime have no lock any more either.
        gone = [job for job in held if job.id in lost - self._settling and self._held.get(job.id) is job]
        self._let_go(gone, len(gone))

    async def _rescue(self) -> None:
        await self._calls.whole(self._worker.rescue(self._rescue_every))

    async def _keep_on(self, duty: Callable[[], Awaitable[None]], every: timedelta) -> None:
        """Do *duty* now and then until the connection is lost; `batches` says so then."""
        try:
            while True:
                await duty()
                await asyncio.sleep(every.total_seconds())
        except Disconnected as error:
            self._fault = error
            self._settled.set()
            if self._waiting is not None:
                self._waiting.cancel()

    async def _settle(self, jobs: Sequence[Job], call: Coroutine[Any, Any, int]) -> None:
        """Make *call*, which tells how many of *jobs* were not ours any more."""
        ids = {job.id for job in jobs}
        self._settling |= ids
        try:
            lost = await self._calls.whole(call)
        finally:
            self._settling -= ids
        self._let_go(jobs, lost)

    def _let_go(self, jobs: Sequence[Job], lost: int) -> None:
        for job in jobs:
            if self._held.get(job.id) is job:
                del self._held[job.id]
        if lost:
            # They were held up for longer than their lock, or removed. Where they are still, they come again.
            log.warning("source.jobs_lost", source=self.name, jobs=lost)
        self._settled.set()

    @staticmethod
    def _job(delivery: Delivery) -> Job:
        assert isinstance(delivery.token, Job)
        return delivery.token


def _delivery(job: Job) -> Delivery:
    return Delivery(
        id=job.delivery_id,
        body=job.data,
        subject=job.name or "",
        headers=job.headers(),
        redelivered=job.starts > 1,
        token=job,
    )
