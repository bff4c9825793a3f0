"""No-op jobs through procrastinate: psycopg 3 in C with a pool, finished jobs deleted, ``--concurrency`` at once."""

# mypy: disable-error-code="import-not-found, import-untyped, untyped-decorator, misc, no-any-unimported"
from __future__ import annotations

import logging
import time

import procrastinate
import uvloop
from figures import options, tell

BULK = 1000


async def main(jobs: int, url: str, concurrency: int) -> None:
    """Install, add *jobs*, drain them."""
    connector = procrastinate.PsycopgConnector(conninfo=url, min_size=4, max_size=20)
    app = procrastinate.App(connector=connector)
    done = 0

    @app.task(name="noop", queue="noop")
    async def noop(n: int) -> None:
        nonlocal done
        done += 1

    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        adding = time.perf_counter()
        for at in range(0, jobs, BULK):
            await noop.batch_defer_async(*({"n": n} for n in range(at, min(at + BULK, jobs))))
        added = time.perf_counter() - adding
        started = time.perf_counter()
        await app.run_worker_async(
            queues=["noop"],
            concurrency=concurrency,
            wait=False,
            install_signal_handlers=False,
            delete_jobs="successful",
        )
        seconds = time.perf_counter() - started
        assert done == jobs, f"{done} of {jobs} done"
        tell(jobs, seconds, added)


if __name__ == "__main__":
    logging.disable(logging.INFO)
    given = options()
    uvloop.run(main(given.jobs, given.url, given.concurrency))
