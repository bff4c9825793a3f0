"""Trying again later, with and without spending the attempt; giving back; giving up."""

from __future__ import annotations

from datetime import timedelta

from tests.support.queue import LONG_AGO, QUEUE, Rig

from clarion.queue import add, counts, settle
from clarion.queue.job import PutOff


async def test_put_off_spends_the_attempt_unless_told(rig: Rig) -> None:
    await rig.add(2)
    failed, waited = await rig.claim(2)
    async with rig.pool.acquire() as connection:
        lost = await settle.put_off(
            connection,
            [
                PutOff(job=waited, after=timedelta(0), spent=False),
                PutOff(job=failed, after=timedelta(0), error="450 later"),
            ],
        )
        assert lost == set()
        tries = {job.id: (job.attempts, job.error) for job in await rig.claim(2)}
        assert tries == {failed.id: (2, "450 later"), waited.id: (1, None)}
        per_second = (await counts.counts(connection, QUEUE)).retried_per_second
    assert per_second > 0 and await rig.pool.fetchval("SELECT sum(retried) FROM job_tally") == 1


async def test_it_is_due_after_the_wait_by_the_databases_clock(rig: Rig) -> None:
    (id,) = await rig.add()
    job = await rig.claim_one()
    async with rig.pool.acquire() as connection:
        before = await connection.fetchval("SELECT clock_timestamp()")
        await settle.put_off(connection, [PutOff(job=job, after=timedelta(seconds=25))])
        row = await rig.row(id)
    assert row is not None and timedelta(seconds=25) <= row["run_at"] - before < timedelta(seconds=30)
    assert await rig.claim() == []


async def test_release_gives_back_as_if_never_claimed(rig: Rig) -> None:
    (id,) = await rig.add()
    before = await rig.row(id)
    async with rig.pool.acquire() as connection:
        assert await settle.release(connection, [await rig.claim_one()]) == set()
    after = await rig.row(id)
    assert before is not None and after is not None
    assert {**after, "fence": 0} == {**before}
    assert (await rig.claim_one()).attempts == 1


async def test_many_are_put_off_each_by_its_own_wait(rig: Rig) -> None:
    await rig.add(300)
    jobs = await rig.claim(300)
    waits = {job.id: timedelta(seconds=60 + n) for n, job in enumerate(jobs)}
    async with rig.pool.acquire() as connection:
        await settle.put_off(
            connection,
            [PutOff(job=job, after=waits[job.id], error=str(job.id), spent=n % 2 == 0) for n, job in enumerate(jobs)],
        )
        rows = await connection.fetch("SELECT id, error, attempts, run_at - clock_timestamp() AS wait FROM job")
    for row in rows:
        assert abs(row["wait"] - waits[row["id"]]) < timedelta(seconds=10) and row["error"] == str(row["id"])
    assert sum(row["attempts"] for row in rows) == 150


async def test_buried_is_out_of_the_way_with_its_reason(rig: Rig) -> None:
    await rig.add(2, args={"to": "ann"}, key=None)
    jobs = await rig.claim(2)
    async with rig.pool.acquire() as connection:
        reasons = dict(zip(jobs, ["550 no", "551 moved"], strict=True))
        assert await settle.bury(connection, reasons) == set()
        rows = {row["id"]: row for row in await connection.fetch("SELECT * FROM job_buried")}
    assert await rig.count() == 0
    for job, reason in reasons.items():
        row = rows[job.id]
        assert (row["error"], row["args"], row["attempts"]) == (reason, {"to": "ann"}, 1)
    assert await rig.pool.fetchval("SELECT sum(buried) FROM job_tally") == 2


async def test_no_error_is_too_odd_to_be_kept(rig: Rig) -> None:
    await rig.add(2)
    one, other = await rig.claim(2)
    odd = "a\0b\ud800c" + "x" * 100_000
    async with rig.pool.acquire() as connection:
        assert await settle.put_off(connection, [PutOff(job=one, after=None, error=odd)]) == set()
        assert await settle.bury(connection, {other: odd}) == set()
        kept = await connection.fetchval("SELECT error FROM job_buried")
    row = await rig.row(one.id)
    assert row is not None and row["error"] == kept == "a\ufffdb?c" + "x" * 3995


async def test_moves_belong_to_the_callers_transaction(rig: Rig) -> None:
    await rig.add(3)
    first, second, third = await rig.claim(3)
    async with rig.pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await settle.settle(connection, [first], keep=True)
        await settle.put_off(connection, [PutOff(job=second, after=timedelta(0))])
        await settle.bury(connection, {third: "no"})
        await transaction.rollback()
    rows = await rig.pool.fetch("SELECT state, worker FROM job")
    assert [tuple(row) for row in rows] == [(1, "w1")] * 3
    assert [await rig.count(table) for table in ("job_done", "job_buried", "job_tally")] == [0, 0, 0]


async def test_what_a_kept_job_leaves(rig: Rig) -> None:
    one, other = await rig.add(2, args={"n": 1})
    async with rig.pool.acquire() as connection:
        await settle.settle(connection, await rig.claim(2), keep=True, results={one: {"sum": 3}})
        rows = {row["id"]: row for row in await connection.fetch("SELECT * FROM job_done")}
    assert rows[one]["result"] == {"sum": 3} and rows[other]["result"] is None
    assert rows[one]["args"] == {"n": 1} and rows[one]["attempts"] == 1


async def test_priority_and_key_survive_being_put_off(rig: Rig) -> None:
    async with rig.pool.acquire() as connection:
        await add.add(connection, rig.job(key="k", priority=1, run_at=LONG_AGO))
        await settle.put_off(connection, [PutOff(job=await rig.claim_one(), after=None)])
    again = await rig.claim_one()
    assert (again.key, again.priority, again.run_at, again.attempts) == ("k", 1, LONG_AGO, 2)
