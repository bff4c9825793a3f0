"""Workers that note when they begin which job, under limits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID, uuid4

from tests.support.wait import wait_until

from clarion import ids
from clarion.flows.marks import KINDS, Marks
from clarion.queue import add, counts, limits, settle
from clarion.queue.job import Job, NewJob
from clarion.store.database import Pool
from clarion.worker.consumer import Consumer
from clarion.worker.gate import Gate
from clarion.worker.pace import Pace
from clarion.worker.rates import Rates

QUEUE = "letters"
LIMIT = "queue:letters"
TENANT = uuid4()


class Post:
    """Workers that note when they begin which job."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.begun: list[tuple[float, UUID]] = []
        self.calls: list[asyncio.Event] = []
        self.most = 0
        self._now = 0
        self.held: asyncio.Event | None = None

    async def handle(self, jobs: Sequence[Job]) -> None:
        now = time.monotonic()
        self.begun += [(now, job.id) for job in jobs]
        self._now += len(jobs)
        self.most = max(self.most, self._now)
        if self.held is not None:
            await self.held.wait()
        async with self.pool.acquire() as connection:
            await settle.settle(connection, jobs)
        self._now -= len(jobs)

    async def define(self, per_second: float, burst: int = 1, name: str = LIMIT, reserve: float = 0.0) -> None:
        set_by = limits.SetBy.WORKFLOW if name.startswith("workflow:") else limits.SetBy.HAND
        async with self.pool.acquire() as connection:
            await limits.define(connection, name, per_second, burst, reserve=reserve, set_by=set_by)

    @asynccontextmanager
    async def worker(self, name: str = "w", **pace: int) -> AsyncIterator[Rates]:
        """A worker as `open_worker` makes one, for as long as the block lasts; its limits are looked up on request."""
        marks, called, stopping = Marks(), asyncio.Event(), asyncio.Event()
        rates = Rates(self.pool, [LIMIT], kinds=KINDS, told=marks.learn)
        await rates.run_once()
        taken = Pace(**pace)  # type: ignore[arg-type]
        gate = Gate(self.pool, rates, [LIMIT], most=taken.claim, missing=marks.missing)
        handlers = {"letter": self.handle, "deliver": self.handle}
        consumer = Consumer(self.pool, QUEUE, handlers, worker=name, pace=taken, called=called, gate=gate)
        self.calls.append(called)
        running = asyncio.create_task(consumer.run(stopping, timedelta(seconds=10)))
        try:
            yield rates
        finally:
            stopping.set()
            self.calls.remove(called)
            await running
            assert consumer.held == 0

    async def add(self, count: int, **fields: object) -> list[UUID]:
        made = ids.new_many(count)
        given: dict[str, object] = {"queue": QUEUE, "kind": "letter", "tenant_id": TENANT} | fields
        async with self.pool.acquire() as connection:
            await add.add_many(connection, [NewJob(id=id, **given) for id in made])  # type: ignore[arg-type]
        for called in self.calls:
            called.set()
        return made

    async def pour(self, per_second: int, seconds: float) -> list[UUID]:
        """Add so many jobs a second, evenly, for so long."""
        began, made = time.monotonic(), list[UUID]()
        while (passed := time.monotonic() - began) < seconds:
            if missing := int(min(passed, seconds) * per_second) - len(made):
                made += await self.add(missing)
            await asyncio.sleep(0.02)
        return made

    async def until(self, count: int, timeout: float = 30) -> None:
        await wait_until(lambda: len(self.begun) >= count, timeout=timeout, what=f"{count} jobs were begun")

    async def ready(self) -> int:
        async with self.pool.acquire() as connection:
            return (await counts.counts(connection, QUEUE)).ready.value


def most_within(times: Sequence[float], seconds: float) -> int:
    """The most of *times* that lie in any window of this length."""
    most = first = 0
    for last, at in enumerate(times):
        while times[first] <= at - seconds:
            first += 1
        most = max(most, last - first + 1)
    return most
