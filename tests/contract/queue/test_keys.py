"""A key makes a job unique in its queue: set again it is rescheduled, removed it is cancelled."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter
from datetime import timedelta

import asyncpg
import pytest
from tests.support.queue import LONG_AGO, QUEUE, Rig, tenant_in

from clarion import clock
from clarion.queue import add, rescue, settle
from clarion.queue.add import Cancelled
from clarion.queue.job import Job, PutOff

LATER = timedelta(hours=1)


async def test_a_key_is_unique_per_tenant_and_queue(rig: Rig) -> None:
    async with rig.pool.acquire() as connection:
        await add.add(connection, rig.job(key="k"))
        with pytest.raises(asyncpg.UniqueViolationError):
            await add.add(connection, rig.job(key="k"))
        await add.add(connection, rig.job(key="k", tenant_id=tenant_in(8)))
        await add.add(connection, rig.job(key="k", queue="others"))


async def test_setting_again_reschedules(rig: Rig) -> None:
    async with rig.pool.acquire() as connection:
        first = await add.set_by_key(connection, rig.job(key="k", run_at=clock.now() + LATER, args=1))
        again = await add.set_by_key(connection, rig.job(key="k", run_at=LONG_AGO, args=2, kind="card", priority=0))
    assert again == first and await rig.count() == 1
    job = await rig.claim_one()
    assert (job.id, job.args, job.run_at, job.kind, job.priority) == (first, 2, LONG_AGO, "card", 0)


async def test_setting_again_begins_anew(rig: Rig) -> None:
    async with rig.pool.acquire() as connection:
        await add.set_by_key(connection, rig.job(key="k"))
        await settle.put_off(connection, [PutOff(job=await rig.claim_one(), after=LATER, error="no")])
        await add.set_by_key(connection, rig.job(key="k"))
    job = await rig.claim_one()
    assert (job.attempts, job.error) == (1, None)


@pytest.mark.parametrize("ending", ["settle", "keep", "put_off", "bury"])
async def test_a_set_during_a_run_is_not_lost(rig: Rig, ending: str) -> None:
    async with rig.pool.acquire() as connection:
        id = await add.set_by_key(connection, rig.job(key="k", args=1))
        job = await rig.claim_one()
        await connection.execute("UPDATE job SET rescues = 2")
        assert await add.set_by_key(connection, rig.job(key="k", run_at=LONG_AGO, args=2)) == id
        assert await rig.claim() == [], "left running"
        match ending:
            case "settle" | "keep":
                lost = await settle.settle(connection, [job], keep=ending == "keep")
            case "put_off":
                lost = await settle.put_off(connection, [PutOff(job=job, after=LATER, error="no")])
            case _:
                lost = await settle.bury(connection, {job: "no"})
        assert lost == set()
        again = await rig.claim_one()
        assert (again.id, again.args, again.run_at) == (id, 2, LONG_AGO)
        assert (again.attempts, again.rescues) == (1, 0), "a new life"
        assert await rig.count("job_buried") == await rig.count("job_done") == 0
        assert await settle.settle(connection, [again]) == set()
    assert await rig.count() == 0


async def test_cancel_one_that_waits_runs_or_is_gone(rig: Rig) -> None:
    async with rig.pool.acquire() as connection:

        async def cancel() -> Cancelled:
            return await add.cancel_by_key(connection, rig.tenant, QUEUE, "k")

        assert await cancel() is Cancelled.TOO_LATE
        await add.set_by_key(connection, rig.job(key="k", run_at=clock.now() + LATER))
        assert await cancel() is Cancelled.CANCELLED
        assert await rig.count() == 0

        await add.set_by_key(connection, rig.job(key="k"))
        job = await rig.claim_one()
        assert await cancel() is Cancelled.CANCELLING
        assert await cancel() is Cancelled.CANCELLING
        assert await settle.settle(connection, [job]) == set()
        assert await cancel() is Cancelled.TOO_LATE


@pytest.mark.parametrize("ending", ["put_off", "release", "bury", "rescue"])
async def test_what_was_cancelled_while_it_ran_does_not_run_again(rig: Rig, ending: str) -> None:
    async with rig.pool.acquire() as connection:
        await add.set_by_key(connection, rig.job(key="k"))
        job = await rig.claim_one()
        await add.cancel_by_key(connection, rig.tenant, QUEUE, "k")
        match ending:
            case "put_off":
                await settle.put_off(connection, [PutOff(job=job, after=timedelta(0))])
            case "release":
                await settle.release(connection, [job])
            case "bury":
                await settle.bury(connection, {job: "no"})
            case _:
                await rig.run_out(job)
                assert [one.cancelled for one in await rescue.rescue(connection)] == [True]
    assert await rig.count() == await rig.count("job_buried") == 0


async def test_set_after_cancel_wins(rig: Rig) -> None:
    async with rig.pool.acquire() as connection:
        await add.set_by_key(connection, rig.job(key="k"))
        job = await rig.claim_one()
        await add.cancel_by_key(connection, rig.tenant, QUEUE, "k")
        await add.set_by_key(connection, rig.job(key="k", run_at=LONG_AGO, args="new"))
        assert await settle.settle(connection, [job]) == set()
    assert (await rig.claim_one()).args == "new"


async def test_twelve_racing_clients_neither_deadlock_nor_lose_a_set(rig: Rig) -> None:
    """Four set, two cancel, six work; in the end every key that was not cancelled ran with what was set last."""
    race = Race(rig)
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        for number in range(6):
            group.create_task(race.work(number))
        async with asyncio.TaskGroup() as changers:
            for seed in range(6):
                changers.create_task(race.cancel(seed) if seed >= 4 else race.set(seed))
        race.all_set.set()
    assert await rig.count() == 0
    for key, number in race.latest.items():
        assert race.ran[key] == number, f"{key}: set to {number} last, ran with {race.ran[key]}"
    assert race.answers.total() == 80, "nothing was cancelled"


class Race:
    """Clients that set, cancel and run the same five keys, and what they did."""

    KEYS = tuple(f"k{n}" for n in range(5))

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.latest: dict[str, int] = {}
        self.ran: dict[str, int] = {}
        self.answers: Counter[str] = Counter()
        self.all_set = asyncio.Event()
        self._numbers = itertools.count()
        # Who sets or cancels a key does so alone, so that the order of commits is known; workers race with them.
        self._alone = {key: asyncio.Lock() for key in self.KEYS}

    async def set(self, seed: int) -> None:
        choice = random.Random(seed)
        async with self.rig.pool.acquire() as connection:
            for _ in range(40):
                key = choice.choice(self.KEYS)
                async with self._alone[key]:
                    number = next(self._numbers)
                    await add.set_by_key(connection, self.rig.job(key=key, run_at=LONG_AGO, args=number))
                    self.latest[key] = number

    async def cancel(self, seed: int) -> None:
        choice = random.Random(seed)
        async with self.rig.pool.acquire() as connection:
            for _ in range(40):
                key = choice.choice(self.KEYS)
                async with self._alone[key]:
                    self.answers[await add.cancel_by_key(connection, self.rig.tenant, QUEUE, key)] += 1
                    self.latest.pop(key, None)

    async def work(self, number: int) -> None:
        """Claim and finish until all is set and done; each claim from the beginning, where the keys are set to."""
        choice = random.Random(number)
        async with self.rig.pool.acquire() as connection:
            jobs: list[Job] = []
            while jobs or not self.all_set.is_set() or await self.rig.count():
                jobs = await self.rig.claimer(f"w{number}").claim(connection, 3)
                for job in jobs:
                    if choice.random() < 0.3:
                        assert await settle.put_off(connection, [PutOff(job=job, after=timedelta(0))]) == set()
                        continue
                    assert job.key is not None
                    self.ran[job.key] = max(job.args, self.ran.get(job.key, -1))
                    assert await settle.settle(connection, [job]) == set()


async def test_one_that_others_move_meanwhile_is_set_as_the_same_one(rig: Rig) -> None:
    """What looks for a key reads a page of its index first, and the rows then: one that was moved in between, to a
    place that was not on the page yet, is not seen by it, and stands in the way of its own id."""
    job = rig.job(key="k")
    async with rig.pool.acquire() as setter, rig.pool.acquire() as mover, rig.pool.acquire() as elder:
        await add.set_many(setter, [job])
        async with elder.transaction(isolation="repeatable_read"):
            await elder.fetchval("SELECT count(*) FROM job")  # so that the places of before stay, and are looked at
            moving = asyncio.create_task(mover.execute(_MOVE))
            sets = 0
            while not moving.done():
                await add.set_many(setter, [job])
                sets += 1
            await moving
    assert sets > 10
    assert await rig.count() == 1


#: Claims, leases and retries move rows like this.
_MOVE = """DO $$ BEGIN
    FOR number IN 1..3000 LOOP
        PERFORM set_config('synchronous_commit', 'off', true);
        UPDATE job SET run_at = run_at + interval '1 microsecond';
        COMMIT;
    END LOOP;
END $$"""
