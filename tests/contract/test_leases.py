"""The heartbeat of a consumer: it tells of jobs that were lost, and of no other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs
from tests.support.wait import wait_until

from clarion import ids
from clarion.queue import add, settle
from clarion.queue.claim import Claimer
from clarion.queue.job import Job, NewJob, PutOff
from clarion.queue.late import Handler
from clarion.queue.rescue import rescue
from clarion.store.database import Pool, open_pool
from clarion.worker.consumer import Consumer
from clarion.worker.pace import Pace

QUEUE = "letters"
LEASE = timedelta(seconds=3)


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    async with await open_pool(database, size=6, statement_timeout_s=10, application_name="tests") as pool:
        yield pool


@asynccontextmanager
async def consumer(pool: Pool, handle: Handler, **pace: int) -> AsyncIterator[Consumer]:
    called, stopping = asyncio.Event(), asyncio.Event()
    taken = Pace(lease=LEASE, **pace)  # type: ignore[arg-type]
    ours = Consumer(pool, QUEUE, {"letter": handle}, worker="w", pace=taken, called=called)
    running = asyncio.create_task(ours.run(stopping, timedelta(seconds=10)))
    try:
        yield ours
    finally:
        stopping.set()
        await running


async def put(pool: Pool, count: int) -> list[UUID]:
    made = ids.new_many(count)
    tenant = uuid4()
    async with pool.acquire() as connection:
        await add.add_many(connection, [NewJob(id=id, queue=QUEUE, kind="letter", tenant_id=tenant) for id in made])
    return made


def lost(logs: Sequence[Any]) -> set[str]:
    return {id for line in logs if line["event"] == "job.lease_lost" for id in line["jobs"]}


@pytest.mark.parametrize("how", ["settle", "put_off", "repeat", "bury"])
async def test_what_a_worker_settles_itself_is_not_told_as_lost(pool: Pool, how: str) -> None:
    """However long its handler goes on with something else, and whoever takes it then."""
    release, settled = asyncio.Event(), asyncio.Event()

    async def handle(jobs: Sequence[Job]) -> None:
        if settled.is_set():
            await release.wait()
            return
        async with pool.acquire() as connection:
            now = await connection.fetchval("SELECT clock_timestamp()")
            hour = timedelta(hours=1)
            moves: dict[str, Callable[[], Awaitable[set[UUID]]]] = {
                "settle": lambda: settle.settle(connection, jobs),
                "put_off": lambda: settle.put_off(connection, [PutOff(job=job, after=hour) for job in jobs]),
                "repeat": lambda: settle.repeat(connection, dict.fromkeys(jobs, now + hour)),
                "bury": lambda: settle.bury(connection, dict.fromkeys(jobs, "done for")),
            }
            assert await moves[how]() == set()
        settled.set()
        await release.wait()

    with capture_logs() as logs:
        async with consumer(pool, handle) as ours:
            await put(pool, 3)
            await asyncio.wait_for(settled.wait(), 10)
            try:
                # The heartbeat has come to the same end when it holds them no more.
                await wait_until(lambda: ours.held == 0, what="the claims are over")
            finally:
                release.set()
    assert lost(logs) == set()


async def test_what_others_took_is_told(pool: Pool) -> None:
    """Begun or not: of four in one worker's hands two are rescued, and one of these is done, by another."""
    release, begun = asyncio.Event(), list[UUID]()

    async def handle(jobs: Sequence[Job]) -> None:
        begun.extend(job.id for job in jobs)
        await release.wait()

    with capture_logs() as logs:
        async with consumer(pool, handle, batch=1, senders=1) as ours:
            made = await put(pool, 4)
            await wait_until(lambda: ours.held == 4 and begun, what="all are claimed, one is begun")
            waiting = [id for id in made if id not in begun]
            taken = [begun[0], waiting[-1]]
            async with pool.acquire() as connection:
                await connection.execute(
                    "UPDATE job SET lease_until = now() - interval '1 s' WHERE id = ANY ($1)", taken
                )
                await rescue(connection)
                other = Claimer(QUEUE, worker="other", lease=timedelta(minutes=1))
                jobs = await other.claim(connection, 10)
                assert {job.id for job in jobs} == set(taken)
                await settle.settle(connection, [job for job in jobs if job.id == waiting[-1]])
            try:
                await wait_until(lambda: lost(logs) == set(map(str, taken)), what="both are told")
            finally:
                release.set()
                await wait_until(lambda: set(begun) == set(made) - {waiting[-1]}, what="the others are begun")
    assert lost(logs) == set(map(str, taken))
