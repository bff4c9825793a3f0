"""Jobs of workers that fell silent come back; poison is counted, not judged."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from tests.support.queue import Rig, explain

from clarion import sql
from clarion.queue import rescue, settle

_RESCUE = sql.load(rescue.__file__)["rescue"]


async def test_an_expired_lease_is_given_back_with_its_attempt_spent(rig: Rig) -> None:
    dead, alive = await rig.add(2)
    jobs = await rig.claim(2, worker="w9")
    await rig.run_out(*[job for job in jobs if job.id == dead])
    async with rig.pool.acquire() as connection:
        (one,) = await rescue.rescue(connection)
        assert (one.id, one.worker, one.rescues, one.cancelled) == (dead, "w9", 1, False)
        assert await rescue.rescue(connection) == []
    again = await rig.claim_one()
    assert (again.id, again.attempts, again.rescues) == (dead, 2, 1)
    row = await rig.row(alive)
    assert row is not None and row["state"] == 1


async def test_three_rescues_do_not_stop_the_fourth(rig: Rig) -> None:
    """Whoever claims it sees the count, and decides."""
    await rig.add(args={"poison": True})
    async with rig.pool.acquire() as connection:
        for rescues in range(5):
            job = await rig.claim_one()
            assert job.rescues == rescues
            if rescues >= rescue.POISON:
                assert await settle.bury(connection, {job: "took three workers with it"}) == set()
                break
            await rig.run_out(job)
            assert len(await rescue.rescue(connection)) == 1
    assert await rig.pool.fetchval("SELECT rescues FROM job_buried") == 3


async def test_one_death_condemns_one_job_of_a_queue(rig: Rig) -> None:
    """A worker that dies right after its claim has begun none of them, for suspects are begun one at a time."""
    await rig.add(5)
    await rig.pool.execute("UPDATE job SET rescues = $1", rescue.POISON - 1)
    async with rig.pool.acquire() as connection:
        for left in (5, 4, 3, 2, 1):
            claimed = await rig.claim(5)
            condemned = {job: "took three workers with it" for job in claimed if job.rescues == rescue.POISON}
            assert await settle.bury(connection, condemned) == set()
            await rig.run_out(*claimed)
            assert sorted(one.rescues for one in await rescue.rescue(connection)) == [2] * (left - 1) + [3]


async def test_suspects_of_several_workers_are_counted_each(rig: Rig) -> None:
    await rig.add(4)
    await rig.pool.execute("UPDATE job SET rescues = $1", rescue.POISON - 1)
    await rig.run_out(*await rig.claim(2, worker="w1"), *await rig.claim(2, worker="w2"))
    async with rig.pool.acquire() as connection:
        rescued = await rescue.rescue(connection)
    assert sorted((one.worker, one.rescues) for one in rescued) == [("w1", 2), ("w1", 3), ("w2", 2), ("w2", 3)]


async def test_the_oldest_come_first_in_batches(rig: Rig) -> None:
    await rig.add(30)
    await rig.claim(30)
    await rig.pool.execute("UPDATE job SET lease_until = now() - random() * interval '1 hour'")
    wanted = [row["id"] for row in await rig.pool.fetch("SELECT id FROM job ORDER BY lease_until")]
    async with rig.pool.acquire() as connection:
        got = [{one.id for one in await rescue.rescue(connection, 10)} for _ in range(4)]
    assert got == [set(wanted[:10]), set(wanted[10:20]), set(wanted[20:]), set()]


async def test_rescuers_do_not_wait_and_do_not_overlap(rig: Rig) -> None:
    await rig.fill(400)
    await rig.run_out(*await rig.claim(400))

    async def run() -> list[rescue.Rescued]:
        async with rig.pool.acquire() as connection:
            return await rescue.rescue(connection, 100)

    batches = await asyncio.gather(*(run() for _ in range(6)))
    rescued = [one.id for batch in batches for one in batch]
    assert len(rescued) == len(set(rescued))
    async with rig.pool.acquire() as connection:
        while batch := await rescue.rescue(connection, 100):
            rescued += [one.id for one in batch]
    assert len(rescued) == 400 == len(set(rescued))


async def test_a_lease_renewed_at_the_same_moment_is_left_alone(rig: Rig) -> None:
    await rig.add()
    job = await rig.claim_one()
    await rig.run_out(job)
    async with rig.pool.acquire() as holder, rig.pool.acquire() as connection:
        async with holder.transaction():
            await holder.execute("UPDATE job SET lease_until = now() + interval '1 minute'")
            assert await rescue.rescue(connection) == []
        assert await rescue.rescue(connection) == []


async def test_rescue_reads_only_what_has_run_out(rig: Rig) -> None:
    await rig.fill(50_000)
    await rig.pool.execute("UPDATE job SET state = 1, lease_until = now() + interval '1 minute'")
    await rig.pool.execute(
        "UPDATE job SET lease_until = now() - interval '1 s' WHERE id = ANY (ARRAY (SELECT id FROM job LIMIT 5))"
    )
    async with rig.pool.acquire() as connection:
        plan = await explain(connection, _RESCUE, 500, rescue.POISON)
        assert plan.pages < 500, f"{plan.pages} pages for five of 50,000"
        assert "Seq Scan" not in plan.scans("job")
        assert [n["Node Type"] for n in plan.nodes if n.get("Index Name") == "job_leased"] == ["Index Scan"], "in order"
        assert await rescue.rescue(connection) == []
    assert await rig.pool.fetchval("SELECT count(*) FROM job WHERE state = 0") == 5


async def test_every_lease_is_a_future_one(rig: Rig) -> None:
    """Lease times are the database's: a worker cannot claim with one that is over already but by saying so."""
    await rig.add()
    await rig.claim_one(lease=timedelta(seconds=30))
    remains = await rig.pool.fetchval("SELECT lease_until - clock_timestamp() FROM job")
    assert timedelta(seconds=25) < remains <= timedelta(seconds=30)
