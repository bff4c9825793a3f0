"""Leases: renewed by a heartbeat, over when they are over, and judged with the row locked and the clock read after."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from tests.support.queue import LEASE, Rig, all_leases_over, waiting_for_lock

from clarion.queue import settle


async def test_a_heartbeat_renews_the_lease(rig: Rig) -> None:
    (id,) = await rig.add()
    job = await rig.claim_one(lease=timedelta(seconds=5))
    async with rig.pool.acquire() as connection:
        assert await settle.extend(connection, [job], timedelta(minutes=5)) == set()
        assert await settle.extend(connection, [], LEASE) == set()
        remains = await connection.fetchval("SELECT lease_until - clock_timestamp() FROM job WHERE id = $1", id)
    assert timedelta(minutes=4) < remains <= timedelta(minutes=5)


async def test_a_lease_that_ran_out_stays_lost_even_if_nobody_took_the_job(rig: Rig) -> None:
    (id,) = await rig.add()
    job = await rig.claim_one()
    await rig.run_out(job)
    async with rig.pool.acquire() as connection:
        assert await settle.extend(connection, [job], LEASE) == {id}


async def test_the_lease_is_judged_after_the_wait_for_the_lock(rig: Rig) -> None:
    """It holds when the question is asked and is over when the lock is had: the answer must be no."""
    (id,) = await rig.add()
    job = await rig.claim_one(lease=timedelta(milliseconds=400))
    async with rig.pool.acquire() as holder, rig.pool.acquire() as connection:
        async with holder.transaction():
            # Locked, not changed: a row that nobody changed is not looked at again by itself.
            await holder.execute("SELECT FROM job WHERE id = $1 FOR UPDATE", id)
            answer = asyncio.ensure_future(settle.extend(connection, [job], LEASE))
            await waiting_for_lock(rig, connection.get_server_pid())
            assert await holder.fetchval("SELECT lease_until > now() FROM job"), "it began too late to tell anything"
            await all_leases_over(rig)
        assert await answer == {id}


async def test_a_settle_and_a_heartbeat_of_the_same_jobs_do_not_deadlock(rig: Rig) -> None:
    """Rows are locked in the order of their ids, in whatever order the jobs are given."""
    for _ in range(15):
        await rig.add(60)
        jobs = await rig.claim(60)
        async with rig.pool.acquire() as one, rig.pool.acquire() as other:
            results = await asyncio.gather(
                settle.settle(one, jobs[::-1]), settle.extend(other, jobs, LEASE), return_exceptions=True
            )
        assert results[0] == set(), results
        assert isinstance(results[1], set), results
