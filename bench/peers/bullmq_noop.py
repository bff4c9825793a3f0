"""No-op jobs through BullMQ's Python port, on Redis or on PostgreSQL: uvloop, hiredis, ``--concurrency`` at once."""

# mypy: disable-error-code="import-not-found, import-untyped, no-any-unimported"
from __future__ import annotations

import asyncio
import time

import uvloop
from bullmq import Queue, Worker
from figures import options, tell

BULK = 1000


async def main(jobs: int, url: str, concurrency: int) -> None:
    """Add *jobs*, drain them."""
    where: dict[str, object] = {"connection": url}
    if url.startswith("postgres"):
        where["backend"] = "postgres"
    queue = Queue("noop", where)
    adding = time.perf_counter()
    for at in range(0, jobs, BULK):
        await queue.addBulk([{"name": "noop", "data": {"n": n}} for n in range(at, min(at + BULK, jobs))])
    added = time.perf_counter() - adding

    done, all_done = 0, asyncio.Event()

    async def noop(job: object, token: str) -> None:
        pass

    def completed(*_: object) -> None:
        nonlocal done
        done += 1
        if done == jobs:
            all_done.set()

    started = time.perf_counter()
    worker = Worker("noop", noop, {**where, "concurrency": concurrency, "removeOnComplete": True, "autorun": False})
    worker.on("completed", completed)
    running = asyncio.create_task(worker.run())
    await all_done.wait()
    seconds = time.perf_counter() - started
    tell(jobs, seconds, added)
    await worker.close(force=True)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await queue.close()


if __name__ == "__main__":
    given = options()
    uvloop.run(main(given.jobs, given.url, given.concurrency))
