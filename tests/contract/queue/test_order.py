"""The order of claims: priority, then the lanes in turn, then due time, then id."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from tests.support.queue import LONG_AGO, QUEUE, Rig, SteppedClock, tenant_in

from clarion import clock, ids
from clarion.queue import add
from clarion.queue.job import LANES, lane_of


async def test_urgent_first_then_due_time_then_id(rig: Rig) -> None:
    same_time = ids.new_many(2)
    later, sooner = LONG_AGO + timedelta(seconds=1), LONG_AGO
    expected = [
        *await rig.add(priority=0, at=later),
        *await rig.add(priority=1, at=sooner),
        same_time[0],
        same_time[1],
        *await rig.add(priority=2, at=later + timedelta(seconds=1)),
    ]
    async with rig.pool.acquire() as connection:
        for id in reversed(same_time):
            await add.add(connection, rig.job(id=id, run_at=later))
    got = []
    for _ in expected:
        got.append((await rig.claim_one()).id)
    assert got == expected


async def test_a_batch_is_in_that_order_too(rig: Rig) -> None:
    await rig.fill(60, tenants=[tenant_in(lane) for lane in (3, 9, 40)], priorities=(3, 0, 2))
    jobs = await rig.claim(60)
    assert len(jobs) == 60
    assert jobs == sorted(jobs, key=lambda job: (job.priority, job.run_at, job.id))


async def test_nothing_is_claimed_early(rig: Rig) -> None:
    await rig.add(at=clock.now() + timedelta(minutes=1))
    assert await rig.claim() == []


async def test_a_job_without_a_time_is_due_at_once_by_the_database(rig: Rig) -> None:
    (one,) = await rig.add(at=None)
    async with rig.pool.acquire() as connection:
        await add.add_many(connection, [rig.job(run_at=LONG_AGO)])
    assert one in {job.id for job in await rig.claim()}


async def test_a_large_tenant_does_not_stand_before_a_small_one(rig: Rig) -> None:
    large, small = tenant_in(1), tenant_in(2)
    await rig.fill(500, tenants=[large])
    await rig.fill(5, tenants=[small], start=LONG_AGO + timedelta(days=1))
    shares = Counter(job.tenant_id for job in await rig.claim(20))
    assert shares[small] == 5, "half of the batch is the small tenant's, as far as it has work"


async def test_every_lane_has_its_turn(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    stepped = SteppedClock()
    monkeypatch.setattr(clock, "monotonic", stepped.now)
    await rig.fill(4 * LANES, tenants=[tenant_in(lane) for lane in range(LANES)])
    claimer = rig.claimer()
    async with rig.pool.acquire() as connection:
        for times in (1, 2):
            turns: Counter[int] = Counter()
            for _ in range(LANES):
                # The second time round all lanes are known, so that there is no need to look around for them.
                stepped.step(0.03 if times == 1 else 0)
                turns.update(job.lane for job in await claimer.claim(connection, 1))
            assert set(turns.values()) == {1} and len(turns) == LANES, sorted(turns.items())


async def test_lanes_are_those_of_the_tenants(rig: Rig) -> None:
    await rig.add()
    assert (await rig.claim_one()).lane == lane_of(rig.tenant) == 7


async def test_queues_do_not_mix(rig: Rig) -> None:
    await rig.add(2, queue="others")
    (mine,) = await rig.add(queue=QUEUE)
    assert [job.id for job in await rig.claim()] == [mine]


async def test_what_was_added_in_a_transaction_that_failed_does_not_exist(rig: Rig) -> None:
    async with rig.pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await add.add(connection, rig.job(run_at=LONG_AGO))
        await add.add_many(connection, [rig.job(run_at=LONG_AGO)])
        assert await rig.claim() == []
        await transaction.rollback()
    assert await rig.claim() == [] and await rig.count() == 0
