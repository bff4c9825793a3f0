"""No-op jobs through `clarion.queue`, in a process of its own: `python -m bench.ours.noop --url … --jobs …`.

All jobs are added first, then drained by claimers that claim, hand to a handler, and settle, each on its own
connection. ``--handler list`` gives the handler all jobs of a claim at once, which is the shape of Clarion's own
handlers; ``--handler one`` calls it once for each job, as the peers do. Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import uvloop

from bench.peers.figures import tell
from clarion import ids
from clarion.queue import add, settle
from clarion.queue.claim import Claimer
from clarion.queue.job import Job, NewJob
from clarion.store.database import Pool, open_pool
from clarion.store.migrate import migrate

QUEUE = "noop"
PAGE = 10_000
LEASE = timedelta(seconds=60)

Handler = Callable[[Sequence[Job]], Awaitable[None]]


async def handle_list(jobs: Sequence[Job]) -> None:
    """Do nothing, for all of them."""


async def handle_each(jobs: Sequence[Job]) -> None:
    """Do nothing, a task for each, as many at once as were claimed."""
    async with asyncio.TaskGroup() as group:
        for job in jobs:
            group.create_task(handle_one(job))


async def handle_one(job: Job) -> None:
    """Do nothing."""


async def main(options: argparse.Namespace) -> None:
    """Migrate, add, drain, tell."""
    await migrate(options.url)
    pool = await open_pool(options.url, size=options.claimers + 1, statement_timeout_s=60, application_name="bench")
    async with pool:
        adding = time.perf_counter()
        await fill(pool, options.jobs, options.tenants)
        added = time.perf_counter() - adding
        if options.snapshot:
            async with pool.acquire() as old, old.transaction(isolation="repeatable_read", readonly=True):
                await old.fetchval("SELECT count(*) FROM queue")  # the snapshot is taken by the first statement
                seconds = await drain(pool, options)
        else:
            seconds = await drain(pool, options)
    tell(options.jobs, seconds, added)


async def fill(pool: Pool, jobs: int, tenants: int) -> None:
    """Add *jobs*, page by page, spread over *tenants*."""
    known = [uuid.uuid4() for _ in range(tenants)]
    for at in range(0, jobs, PAGE):
        page = [
            NewJob(queue=QUEUE, kind="noop", tenant_id=known[n % tenants], id=id)
            for n, id in enumerate(ids.new_many(min(PAGE, jobs - at)), start=at)
        ]
        async with pool.acquire() as connection:
            await add.add_many(connection, page)


async def drain(pool: Pool, options: argparse.Namespace) -> float:
    """How long it takes until every job is settled, in seconds."""
    handler: Handler = handle_list if options.handler == "list" else handle_each
    counts = [0] * options.claimers

    async def consume(number: int) -> None:
        claimer = Claimer(QUEUE, worker=f"bench-{number}", lease=LEASE)
        async with pool.acquire() as connection:
            while sum(counts) < options.jobs:
                jobs = await claimer.claim(connection, options.batch)
                await handler(jobs)
                lost = await settle.settle(connection, jobs, slot=number)
                assert not lost, f"{len(lost)} jobs were lost to somebody else"
                counts[number] += len(jobs)

    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(options.claimers):
            group.create_task(consume(number))
    seconds = time.perf_counter() - started
    assert sum(counts) == options.jobs, f"{sum(counts)} of {options.jobs} done"
    return seconds


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--jobs", type=int, required=True)
    parser.add_argument("--batch", type=int, default=1000)
    parser.add_argument("--claimers", type=int, default=4)
    parser.add_argument("--tenants", type=int, default=1)
    parser.add_argument("--handler", choices=("list", "one"), default="list")
    parser.add_argument("--snapshot", action="store_true", help="another connection holds an old snapshot meanwhile")
    return parser.parse_args()


if __name__ == "__main__":
    uvloop.run(main(parse()))
