"""When the next job is due: asked of the database, by its clock."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from tests.support.queue import LONG_AGO, QUEUE, Rig, explain, tenant_in
from tests.support.wait import wait_until

from clarion import clock
from clarion.queue import due
from clarion.queue.job import Job
from clarion.worker.consumer import Consumer
from clarion.worker.pace import Pace

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


async def _next(rig: Rig, since: timedelta = SECOND, queue: str = QUEUE) -> timedelta | None:
    async with rig.pool.acquire() as connection:
        return await due.next_due(connection, queue, since)


async def test_the_soonest_of_all_lanes_and_priorities_counts(rig: Rig) -> None:
    assert await _next(rig) is None
    now = await rig.pool.fetchval("SELECT clock_timestamp()")
    for number, (after, priority) in enumerate([(3 * HOUR, 0), (HOUR, 3), (2 * HOUR, 2)]):
        await rig.add(at=now + after, priority=priority, tenant_id=tenant_in(number * 20))
    found = await _next(rig)
    assert found is not None and HOUR - MINUTE < found < HOUR
    assert await _next(rig, queue="others") is None


async def test_what_a_claim_has_seen_does_not_count_and_what_came_due_since_does(rig: Rig) -> None:
    await rig.add(at=LONG_AGO)
    assert await _next(rig) is None
    (id,) = await rig.add(at=await rig.pool.fetchval("SELECT clock_timestamp()"))
    found = await _next(rig, MINUTE)
    assert found is not None and -MINUTE < found <= timedelta(0)
    job = await rig.claim(10)
    assert id in {one.id for one in job}
    assert await _next(rig, MINUTE) is None, "leased ones are somebody's"


async def test_nothing_is_due_while_the_queue_is_paused(rig: Rig) -> None:
    await rig.add(at=await rig.pool.fetchval("SELECT clock_timestamp()"))
    await rig.pool.execute("INSERT INTO queue (name, paused_at) VALUES ($1, now())", QUEUE)
    assert await _next(rig, MINUTE) is None


async def test_it_costs_a_probe_a_lane_whatever_waits(rig: Rig) -> None:
    await rig.fill(50_000, start=clock.now() + HOUR, tenants=[tenant_in(n) for n in range(8)])
    async with rig.pool.acquire() as connection:
        plan = await explain(connection, due._SQL["next"], QUEUE, due._PRIORITIES, due._LANES, SECOND)
    assert plan.scans("job") == ["Index Only Scan"]
    assert plan.pages < 256 * 6


async def test_a_consumer_wakes_when_a_job_is_due_and_not_at_its_poll(rig: Rig) -> None:
    """Nobody rings, and it would look for itself only after a minute."""
    late: list[timedelta] = []

    async def handle(jobs: Sequence[Job]) -> None:
        now = await rig.pool.fetchval("SELECT clock_timestamp()")
        late.extend(now - job.run_at for job in jobs)
        await rig.settle(jobs)

    consumer = Consumer(rig.pool, QUEUE, {"letter": handle}, worker="w", pace=Pace(poll=MINUTE), called=asyncio.Event())
    now = await rig.pool.fetchval("SELECT clock_timestamp()")
    for number in range(1, 6):
        await rig.add(at=now + number * timedelta(seconds=0.3))
    stopping = asyncio.Event()
    running = asyncio.create_task(consumer.run(stopping, SECOND))
    try:
        await wait_until(lambda: len(late) == 5, 20, "all are handled")
    finally:
        stopping.set()
        await running
    assert min(late) >= timedelta(0), "never early"
    assert sorted(late)[2] < timedelta(seconds=0.5)


async def test_one_that_is_set_sooner_than_what_is_waited_for_is_rung_for(rig: Rig) -> None:
    handled: list[Job] = []

    async def handle(jobs: Sequence[Job]) -> None:
        handled.extend(jobs)
        await rig.settle(jobs)

    called = asyncio.Event()
    consumer = Consumer(rig.pool, QUEUE, {"letter": handle}, worker="w", pace=Pace(poll=MINUTE), called=called)
    now = await rig.pool.fetchval("SELECT clock_timestamp()")
    await rig.add(at=now + HOUR)
    stopping = asyncio.Event()
    running = asyncio.create_task(consumer.run(stopping, SECOND))
    try:
        async with asyncio.timeout(20):
            (id,) = await rig.add(at=await rig.pool.fetchval("SELECT clock_timestamp() + interval '0.2 s'"))
            called.set()
            await wait_until(lambda: handled, 20, "it is handled")
    finally:
        stopping.set()
        await running
    assert [job.id for job in handled] == [id]


async def test_a_job_that_cannot_be_had_makes_nobody_look_without_end(rig: Rig) -> None:
    """It is due, and locked by somebody's transaction: claims pass it by."""
    looks = 0
    consumer = Consumer(rig.pool, QUEUE, {}, worker="w", pace=Pace(poll=MINUTE), called=asyncio.Event())
    original = consumer._intake.claim

    async def claim(*arguments: object, **words: object) -> list[Job]:
        nonlocal looks
        looks += 1
        return await original(*arguments, **words)  # type: ignore[arg-type]

    consumer._intake.claim = claim  # type: ignore[method-assign]
    await rig.add(at=await rig.pool.fetchval("SELECT clock_timestamp() + interval '0.1 s'"))
    stopping = asyncio.Event()
    async with rig.pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT FROM job FOR UPDATE")
        running = asyncio.create_task(consumer.run(stopping, SECOND))
        await wait_until(lambda: looks >= 2, 20, "it looked when the job was due")
        await asyncio.sleep(0.5)
        stopping.set()
        await running
    assert looks <= 5
