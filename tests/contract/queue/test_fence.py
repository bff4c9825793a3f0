"""Who lost its lease learns so at its next move, and changes nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

import pytest
from tests.support.queue import LEASE, Rig

from clarion.queue import lookup, rescue, settle
from clarion.queue.job import Connection, Job, PutOff

Move = Callable[[Connection, list[Job]], Awaitable[set[UUID]]]

MOVES: dict[str, Move] = {
    "settle": lambda c, jobs: settle.settle(c, jobs),
    "settle and keep": lambda c, jobs: settle.settle(c, jobs, keep=True),
    "put_off": lambda c, jobs: settle.put_off(c, [PutOff(job=job, after=timedelta(0)) for job in jobs]),
    "bury": lambda c, jobs: settle.bury(c, dict.fromkeys(jobs, "no")),
    "extend": lambda c, jobs: settle.extend(c, jobs, LEASE),
    "release": lambda c, jobs: settle.release(c, jobs),
}


@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES)
async def test_the_second_finisher_learns_that_it_lost(rig: Rig, move: Move) -> None:
    lost, kept = await rig.add(2, args={"any": ["thing"]})
    jobs = await rig.claim(2)
    await rig.run_out(next(job for job in jobs if job.id == lost))
    async with rig.pool.acquire() as connection:
        assert [one.id for one in await rescue.rescue(connection)] == [lost]
        again = await rig.claim_one(worker="w2")
        assert again.id == lost and again.fence == 2
        before = await rig.row(lost)

        assert await move(connection, jobs) == {lost}

        assert await rig.row(lost) == before, "a loser must not touch what is another's"
        assert await settle.settle(connection, [again]) == set()
        assert await rig.row(kept) is None or kept in {job.id for job in jobs}


@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES)
async def test_nobody_moves_a_job_that_was_given_back(rig: Rig, move: Move) -> None:
    (id,) = await rig.add()
    job = await rig.claim_one()
    await rig.run_out(job)
    async with rig.pool.acquire() as connection:
        await rescue.rescue(connection)
        before = await rig.row(id)
        assert await move(connection, [job]) == {id}
        assert await rig.row(id) == before
        assert not await lookup.set_progress(connection, job, {"step": 1})


async def test_a_job_is_settled_once(rig: Rig) -> None:
    await rig.add(3)
    jobs = await rig.claim(3)
    assert await rig.settle(jobs) == set()
    assert await rig.settle(jobs) == {job.id for job in jobs}
    assert await rig.pool.fetchval("SELECT sum(done) FROM job_tally") == 3
