"""No-op jobs through pgqueuer: a pool of asyncpg connections, uvloop, batches of ``--concurrency``."""

# mypy: disable-error-code="import-not-found, import-untyped, untyped-decorator, misc, no-any-unimported"
from __future__ import annotations

import time
from datetime import timedelta

import asyncpg
import uvloop
from figures import options, tell
from pgqueuer import AsyncpgPoolDriver, PgQueuer, Queries
from pgqueuer.domain.types import QueueExecutionMode
from pgqueuer.models import Job

BULK = 1000


async def main(jobs: int, url: str, batch: int) -> None:
    """Install, add *jobs*, drain them."""
    async with asyncpg.create_pool(url, min_size=4, max_size=10) as pool:
        driver = AsyncpgPoolDriver(pool)
        queries = Queries(driver)
        await queries.install()
        adding = time.perf_counter()
        for at in range(0, jobs, BULK):
            size = min(BULK, jobs - at)
            await queries.enqueue(["noop"] * size, [b"{}"] * size, [0] * size)
        added = time.perf_counter() - adding

        queuer = PgQueuer(driver)
        done = 0

        @queuer.entrypoint("noop")
        async def noop(job: Job) -> None:
            nonlocal done
            done += 1

        started = time.perf_counter()
        await queuer.qm.run(dequeue_timeout=timedelta(seconds=1), batch_size=batch, mode=QueueExecutionMode.drain)
        seconds = time.perf_counter() - started
        assert done == jobs, f"{done} of {jobs} done"
        tell(jobs, seconds, added)


if __name__ == "__main__":
    given = options()
    uvloop.run(main(given.jobs, given.url, given.concurrency))
