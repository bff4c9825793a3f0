"""A job can be found, in whatever state it is, and its progress read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from tests.support.queue import QUEUE, Rig, tenant_in

from clarion import clock
from clarion.queue import lookup, settle
from clarion.queue.job import PutOff
from clarion.queue.lookup import JobState, JobView

HOUR = timedelta(hours=1)


async def test_one_job_through_its_life(rig: Rig) -> None:
    (id,) = await rig.add(at=clock.now() + HOUR, args={"n": 1}, priority=1, key="k")
    async with rig.pool.acquire() as connection:

        async def see() -> JobView:
            view = await lookup.get(connection, rig.tenant, id)
            assert view is not None and (view.id, view.queue, view.key, view.args) == (id, QUEUE, "k", {"n": 1})
            return view

        assert (await see()).state is JobState.SCHEDULED
        await connection.execute("UPDATE job SET run_at = now() - interval '1 s'")
        view = await see()
        assert (view.state, view.attempts, view.worker) == (JobState.READY, 0, None)

        job = await rig.claim_one(worker="w9")
        assert await lookup.set_progress(connection, job, {"done": 40, "of": 100})
        view = await see()
        assert (view.state, view.attempts, view.worker) == (JobState.RUNNING, 1, "w9")
        assert view.progress == {"done": 40, "of": 100} and view.lease_until is not None

        await settle.put_off(connection, [PutOff(job=job, after=timedelta(0), error="450 later")])
        assert (await see()).error == "450 later"
        await settle.settle(connection, [await rig.claim_one()], keep=True, results={id: [1, 2]})
        view = await see()
        assert (view.state, view.attempts, view.result) == (JobState.DONE, 2, [1, 2])
        assert view.finished_at is not None and view.run_at is None


async def test_a_buried_job_says_why(rig: Rig) -> None:
    (id,) = await rig.add()
    async with rig.pool.acquire() as connection:
        await settle.bury(connection, {await rig.claim_one(): "550 no"})
        view = await lookup.get(connection, rig.tenant, id)
    assert view is not None and (view.state, view.error, view.attempts) == (JobState.BURIED, "550 no", 1)


async def test_nobody_sees_another_tenants_job(rig: Rig) -> None:
    (id,) = await rig.add()
    async with rig.pool.acquire() as connection:
        assert await lookup.get(connection, uuid4(), id) is None
        assert await lookup.get(connection, rig.tenant, uuid4()) is None
        page = await lookup.list_jobs(connection, QUEUE, JobState.READY, tenant_id=tenant_in(7))
        assert page.jobs == [] and page.next is None


async def test_the_living_job_is_answered_rather_than_its_record(rig: Rig) -> None:
    (id,) = await rig.add()
    async with rig.pool.acquire() as connection:
        await settle.bury(connection, {await rig.claim_one(): "550 no"})
        await connection.execute(
            "INSERT INTO job_done (id, tenant_id, queue, kind, priority, attempts, done_at)"
            " SELECT id, tenant_id, queue, kind, 2, 1, now() - interval '1 day' FROM job_buried"
        )
        view = await lookup.get(connection, rig.tenant, id)
        assert view is not None and view.state is JobState.BURIED, "the later of two records"
        await connection.execute(
            "INSERT INTO job (id, tenant_id, queue, kind, priority, lane, run_at)"
            " SELECT id, tenant_id, queue, kind, 2, 7, now() FROM job_buried"
        )
        view = await lookup.get(connection, rig.tenant, id)
    assert view is not None and view.state is JobState.READY


@pytest.mark.parametrize("state", list(JobState), ids=str)
@pytest.mark.parametrize("whose", ["all", "one"])
async def test_pages_hold_every_job_of_a_state_once_and_in_order(rig: Rig, state: JobState, whose: str) -> None:
    other = tenant_in(7)  # the same lane: only the tenant tells them apart
    mine = await _make(rig, state, 25, rig.tenant)
    theirs = await _make(rig, state, 5, other)
    tenant = rig.tenant if whose == "one" else None
    seen: list[JobView] = []
    cursor, pages = None, 0
    async with rig.pool.acquire() as connection:
        for elsewhere in JobState:
            if elsewhere is not state:
                assert (await lookup.list_jobs(connection, QUEUE, elsewhere)).jobs == []
        while pages == 0 or cursor:
            page = await lookup.list_jobs(connection, QUEUE, state, tenant_id=tenant, after=cursor, limit=7)
            seen += page.jobs
            cursor, pages = page.next, pages + 1
            assert len(page.jobs) == 7 or cursor is None
    assert {view.state for view in seen} == {state}
    wanted = set(mine) if tenant else {*mine, *theirs}
    assert len(seen) == len(wanted) and {view.id for view in seen} == wanted
    assert pages == -(-len(wanted) // 7)
    assert seen == sorted(seen, key=_order(state), reverse=state in (JobState.DONE, JobState.BURIED))


def _order(state: JobState) -> Callable[[JobView], Any]:
    match state:
        case JobState.READY | JobState.SCHEDULED:
            return lambda view: (view.priority, view.run_at, view.id)
        case JobState.RUNNING:
            return lambda view: (view.lease_until, view.id)
        case _:
            return lambda view: (view.finished_at, view.id)


async def _make(rig: Rig, state: JobState, count: int, tenant: UUID) -> list[UUID]:
    """*count* jobs in *state*, of several priorities."""
    start = clock.now() + HOUR * (1 if state is JobState.SCHEDULED else -1)
    made = [(await rig.add(at=start, tenant_id=tenant, priority=n % 3))[0] for n in range(count)]
    if state in (JobState.READY, JobState.SCHEDULED):
        return made
    async with rig.pool.acquire() as connection:
        jobs = await rig.claim(count)
        if state is JobState.DONE:
            await settle.settle(connection, jobs, keep=True)
        elif state is JobState.BURIED:
            await settle.bury(connection, dict.fromkeys(jobs, "no"))
    return made
