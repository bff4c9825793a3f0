"""Counts by state, the oldest job's age, rates: right, and cheap at any backlog."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.support.queue import QUEUE, Rig, explain, tenant_in

from clarion import clock, sql
from clarion.queue import counts, settle
from clarion.queue.counts import Count
from clarion.queue.job import LANES, LAST_PRIORITY, PutOff

_COUNTS = sql.load(counts.__file__)["counts"]


async def test_every_state_is_counted(rig: Rig) -> None:
    await rig.add(9)
    await rig.add(3, tenant_id=tenant_in(1), priority=0, at=clock.now() + timedelta(hours=1))
    async with rig.pool.acquire() as connection:
        done, off, *running = await rig.claim(5)
        await settle.settle(connection, [done])
        await settle.put_off(connection, [PutOff(job=off, after=timedelta(hours=1))])
        await settle.bury(connection, {running.pop(): "no"})
        now = await counts.counts(connection, QUEUE)
    assert (now.ready, now.scheduled, now.running, now.buried) == (Count(4), Count(4), Count(2), Count(1))
    assert now.done == 1 and not now.paused


async def test_the_oldest_ready_job_whatever_its_priority_or_lane(rig: Rig) -> None:
    now = clock.now()
    await rig.add(5, at=now - timedelta(minutes=3))
    await rig.add(at=now - timedelta(minutes=9), priority=3, tenant_id=tenant_in(60))
    await rig.add(queue="others", at=now - timedelta(days=1))
    async with rig.pool.acquire() as connection:
        oldest = (await counts.counts(connection, QUEUE)).oldest
        assert oldest is not None and abs(oldest - timedelta(minutes=9)) < timedelta(seconds=20)
        await rig.claim(100)
        assert (await counts.counts(connection, QUEUE)).oldest is None


async def test_rates_are_per_second_over_the_last_minutes(rig: Rig) -> None:
    await rig.pool.execute(
        "INSERT INTO job_tally SELECT $1, date_trunc('minute', now()) - m * interval '1 minute', s, 300, 30, 3"
        " FROM generate_series(0, 9) AS m, generate_series(0, 1) AS s",
        QUEUE,
    )
    async with rig.pool.acquire() as connection:
        now = await counts.counts(connection, QUEUE)
    # Five of the ten minutes count, the last of which has just begun or is nearly over.
    assert 10.0 <= now.done_per_second <= 3000 / 240
    assert now.retried_per_second == pytest.approx(now.done_per_second / 10)
    assert now.buried_per_second == pytest.approx(now.done_per_second / 100)
    assert now.done == 6000


async def test_every_queue_that_anything_is_known_of_is_listed(rig: Rig) -> None:
    await rig.add(queue="a-ready")
    await rig.add(queue="b-scheduled", at=clock.now() + timedelta(hours=1))
    await rig.add(queue="c-running")
    await rig.claim(queue="c-running")
    await rig.add(queue="d-buried")
    async with rig.pool.acquire() as connection:
        await settle.bury(connection, dict.fromkeys(await rig.claim(queue="d-buried"), "no"))
        await connection.execute("DELETE FROM job_tally")
        await rig.add(queue="e-done")
        await rig.settle(await rig.claim(queue="e-done"))
        await connection.execute("INSERT INTO queue VALUES ('f-known')")
        names = [one.queue for one in await counts.all_counts(connection)]
    assert names == ["a-ready", "b-scheduled", "c-running", "d-buried", "e-done", "f-known"]


async def test_what_nobody_has_heard_of_counts_nothing(rig: Rig) -> None:
    async with rig.pool.acquire() as connection:
        now = await counts.counts(connection, "nothing")
        assert await counts.all_counts(connection) == []
    assert (now.ready, now.done, now.oldest, now.done_per_second) == (Count(0), 0, None, 0.0)


async def test_a_count_that_stops_says_so(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "COUNT_LIMIT", 10)
    await rig.add(10)
    await rig.add(11, at=clock.now() + timedelta(hours=1))
    async with rig.pool.acquire() as connection:
        now = await counts.counts(connection, QUEUE)
        assert (now.ready, now.scheduled) == (Count(10), Count(10, at_least=True))
        await rig.add(12, queue="others")
        await rig.claim(12, queue="others")
        assert (await counts.counts(connection, QUEUE)).running == Count(0, at_least=True)
        assert (await counts.counts(connection, "others")).running == Count(10, at_least=True)


async def test_a_backlog_does_not_make_counting_dear(rig: Rig) -> None:
    """Pages touched, 100,000 jobs of the future beside 1,000 ready ones: what is ready is counted by itself."""
    tenants = [tenant_in(lane) for lane in range(8)]
    tomorrow = clock.now() + timedelta(days=1)
    await rig.fill(100_000, start=tomorrow, tenants=tenants, priorities=range(LAST_PRIORITY + 1))
    await rig.fill(1000, tenants=tenants)
    await rig.pool.execute("VACUUM ANALYZE job")
    async with rig.pool.acquire() as connection:
        now = await counts.counts(connection, QUEUE)
        assert now.ready == Count(1000) and now.scheduled == Count(counts.COUNT_LIMIT, at_least=True)
        plan = await explain(connection, _COUNTS, QUEUE, counts.COUNT_LIMIT + 1, counts.RATES_OVER, LANES)
        assert plan.pages < 2000, f"{plan.pages} pages"
        assert all("Index" in scan for scan in plan.scans("job"))
        # All but the counting: the priorities and lanes that have work, and the oldest of each.
        plan = await explain(connection, _COUNTS, QUEUE, 1, counts.RATES_OVER, LANES)
        assert plan.pages < 600, f"{plan.pages} pages"
