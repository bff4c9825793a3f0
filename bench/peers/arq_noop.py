"""No-op jobs through arq: uvloop, hiredis, results not kept, ``--concurrency`` at once."""

# mypy: disable-error-code="import-not-found, import-untyped, no-any-unimported"
from __future__ import annotations

import asyncio
import time

import uvloop
from arq import create_pool, func
from arq.connections import RedisSettings
from arq.worker import Worker
from figures import options, tell


async def noop(context: dict[str, object]) -> None:
    """Do nothing."""


async def main(jobs: int, url: str, concurrency: int) -> None:
    """Add *jobs*, drain them."""
    settings = RedisSettings.from_dsn(url)
    pool = await create_pool(settings)
    adding = time.perf_counter()
    for _ in range(0, jobs, 100):
        await asyncio.gather(*(pool.enqueue_job("noop") for _ in range(100)))
    added = time.perf_counter() - adding
    await pool.aclose()

    worker = Worker(
        functions=[func(noop, name="noop")],
        redis_settings=settings,
        burst=True,
        max_jobs=concurrency,
        keep_result=0,
        poll_delay=0.01,
        handle_signals=False,
        queue_read_limit=max(concurrency * 5, 100),
    )
    started = time.perf_counter()
    await worker.async_run()
    seconds = time.perf_counter() - started
    assert worker.jobs_complete >= jobs - jobs % 100, f"{worker.jobs_complete} of {jobs} done"
    done = worker.jobs_complete
    await worker.close()
    tell(done, seconds, added)


if __name__ == "__main__":
    given = options()
    uvloop.run(main(given.jobs, given.url, given.concurrency))
