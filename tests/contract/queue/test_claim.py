"""Claims by many, over large backlogs, behind old snapshots, and what appears behind a claimer's mark."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest
from tests.support.queue import LONG_AGO, QUEUE, Rig, SteppedClock, explain, tenant_in

from clarion import clock, sql
from clarion.queue import add, claim, settle
from clarion.queue.claim import Claimer
from clarion.queue.job import LANES, LAST_PRIORITY, Connection

_CLAIM = sql.load(claim.__file__)["claim"]


async def test_claims_by_many_never_overlap(rig: Rig) -> None:
    await rig.fill(3000, tenants=[tenant_in(lane) for lane in range(8)])
    taken: Counter[UUID] = Counter()

    async def work(number: int) -> None:
        claimer = rig.claimer(f"w{number}")
        async with rig.pool.acquire() as connection:
            while len(taken) < 3000:
                jobs = await claimer.claim(connection, 40)
                taken.update(job.id for job in jobs)
                assert await settle.settle(connection, jobs, slot=number) == set()

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        for number in range(8):
            group.create_task(work(number))
    assert len(taken) == 3000 and set(taken.values()) == {1}
    assert await rig.count() == 0
    assert await rig.pool.fetchval("SELECT sum(done) FROM job_tally") == 3000


async def test_jobs_of_the_future_do_not_stand_in_the_way(rig: Rig) -> None:
    tomorrow = clock.now() + timedelta(days=1)
    tenants = [tenant_in(lane) for lane in range(4)]
    await rig.fill(100_000, start=tomorrow, tenants=tenants, priorities=range(LAST_PRIORITY + 1))
    await rig.fill(10, priorities=(LAST_PRIORITY,), tenants=tenants)
    async with rig.pool.acquire() as connection:
        plan = await explain(connection, _CLAIM, *_arguments(limit=40))
        # 256 looks into the index, each three pages deep, and what it costs to change ten rows.
        assert plan.pages < 256 * 5 + 400, f"{plan.pages} pages"
        assert plan.scans("job") and all(scan in ("Index Scan", "Index Only Scan") for scan in plan.scans("job"))
    assert await rig.pool.fetchval("SELECT count(*) FROM job WHERE state = 1") == 10


async def test_an_old_snapshot_does_not_slow_claims(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted in pages: what was settled stays in the index while the snapshot lasts, and is not walked through."""
    stepped = SteppedClock()
    monkeypatch.setattr(clock, "monotonic", stepped.now)
    await rig.fill(40_000)
    observer = await asyncpg.connect(rig.url)
    try:
        async with observer.transaction(isolation="repeatable_read"):
            await observer.fetchval("SELECT count(*) FROM job")
            async with rig.pool.acquire() as connection:
                claimer = rig.claimer()
                first = await _pages_of_a_claim(rig, connection, claimer)
                for _ in range(70):
                    await settle.settle(connection, await claimer.claim(connection, 500))
                last = await _pages_of_a_claim(rig, connection, claimer)
                # Without a mark, the same claim goes through all that is dead.
                without = await _pages_of_a_claim(rig, connection, rig.claimer("w2"))
    finally:
        await observer.close()
    assert last < 2 * first, f"{first} pages at first, {last} after 35,000 jobs"
    assert without > 2 * last, f"{without} pages without a mark: the test would not see what marks are for"


async def test_a_job_added_late_behind_the_mark_is_found(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    stepped = SteppedClock()
    monkeypatch.setattr(clock, "monotonic", stepped.now)
    await rig.add(20)
    claimer = rig.claimer()
    async with rig.pool.acquire() as connection:
        await settle.settle(connection, await claimer.claim(connection, 20))
        (late,) = await rig.add(at=LONG_AGO - timedelta(days=1))
        stepped.step(0.1)
        assert await claimer.claim(connection, 20) == [], "the mark is in use"
        stepped.step(3)
        assert [job.id for job in await claimer.claim(connection, 20)] == [late]


async def test_a_job_given_back_behind_the_mark_is_found(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    stepped = SteppedClock()
    monkeypatch.setattr(clock, "monotonic", stepped.now)
    await rig.add(20)
    claimer = rig.claimer()
    async with rig.pool.acquire() as connection:
        jobs = await claimer.claim(connection, 20)
        await settle.release(connection, jobs[:1])
        stepped.step(0.1)
        assert await claimer.claim(connection, 20) == []
        stepped.step(3)
        assert [job.id for job in await claimer.claim(connection, 20)] == [jobs[0].id]


async def test_a_commit_that_comes_a_little_late_needs_no_new_start(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job due just before what was claimed, committed just after: within two seconds the mark leaves room."""
    stepped = SteppedClock()
    monkeypatch.setattr(clock, "monotonic", stepped.now)
    now: object = await rig.pool.fetchval("SELECT clock_timestamp()")
    monkeypatch.setattr(clock, "now", lambda: now)
    async with rig.pool.acquire() as slow, rig.pool.acquire() as connection:
        claimer = rig.claimer()
        async with slow.transaction():
            await add.add(slow, rig.job())
            await rig.add(at=None)
            assert len(await claimer.claim(connection, 10)) == 1
        stepped.step(0.1)
        assert len(await claimer.claim(connection, 10)) == 1


async def test_new_work_in_a_lane_that_was_empty_is_found_at_once_by_an_idle_claimer(rig: Rig) -> None:
    claimer = rig.claimer()
    async with rig.pool.acquire() as connection:
        assert await claimer.claim(connection, 10) == []
        (id,) = await rig.add(tenant_id=tenant_in(50))
        assert [job.id for job in await claimer.claim(connection, 10)] == [id]


async def test_attempts_never_overflow(rig: Rig) -> None:
    """One job that could not be claimed would make every claim of its queue fail."""
    await rig.add(2)
    await rig.pool.execute("UPDATE job SET attempts = 32767")
    assert [job.attempts for job in await rig.claim()] == [32767, 32767]


async def _pages_of_a_claim(rig: Rig, connection: Connection, claimer: Claimer) -> int:
    """Pages of the ready index that one claim of 10 touches; the jobs are released to the end of the queue."""
    before = await _index_pages(connection)
    jobs = await claimer.claim(connection, 10)
    pages = await _index_pages(connection) - before
    assert len(jobs) == 10
    await settle.settle(connection, jobs)
    return pages


async def _index_pages(connection: Connection) -> int:
    await connection.execute("SELECT pg_stat_force_next_flush()")
    pages: int = await connection.fetchval(
        "SELECT idx_blks_hit + idx_blks_read FROM pg_statio_user_indexes WHERE indexrelname = 'job_ready'"
    )
    return pages


def _arguments(limit: int) -> tuple[object, ...]:
    lanes = [(priority, lane) for lane in range(LANES) for priority in range(LAST_PRIORITY + 1)]
    start, no_id = LONG_AGO - timedelta(days=1), UUID(int=0)
    return (
        QUEUE,
        [priority for priority, _ in lanes],
        [lane for _, lane in lanes],
        [start] * len(lanes),
        [no_id] * len(lanes),
        limit,
        "w1",
        timedelta(seconds=60),
    )
