"""What failed for good: another chance, tidying, and what went wrong how often."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from tests.support.queue import QUEUE, Rig, tenant_in

from clarion import clock
from clarion.queue import add, buried, settle
from clarion.queue.buried import Redriven
from clarion.queue.job import lane_of


async def _bury(rig: Rig, count: int = 1, reason: str = "550 no", **fields: Any) -> list[UUID]:
    made = await rig.add(count, **fields)
    async with rig.pool.acquire() as connection:
        jobs = [job for job in await rig.claim(count) if job.id in made]
        assert len(jobs) == count
        await settle.bury(connection, dict.fromkeys(jobs, reason))
    return made


def _redriven(ready: set[UUID], taken: set[UUID] | None = None) -> Redriven:
    return Redriven(ready=frozenset(ready), taken=frozenset(taken or ()))


async def test_redrive_gives_another_chance(rig: Rig) -> None:
    tenant = tenant_in(33)
    (one,) = await _bury(rig, tenant_id=tenant, priority=1, args={"to": "ann"}, key="k")
    (other,) = await _bury(rig)
    async with rig.pool.acquire() as connection:
        done = await buried.redrive(connection, QUEUE, [one, uuid4()])
    assert done == _redriven({one})
    job = await rig.claim_one()
    assert (job.id, job.tenant_id, job.lane, job.priority, job.args, job.key) == (
        one,
        tenant,
        33,
        1,
        {"to": "ann"},
        "k",
    )
    assert (job.attempts, job.rescues, job.error) == (1, 0, "550 no")
    assert await rig.pool.fetchval("SELECT id FROM job_buried") == other


async def test_redrive_all_in_batches_and_only_what_was_asked_for(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buried, "BATCH", 7)
    mine = await _bury(rig, 30)
    theirs = await _bury(rig, 3, tenant_id=tenant_in(9))
    async with rig.pool.acquire() as connection:
        assert (await buried.redrive(connection, "others")).ready == set()
        assert (await buried.redrive(connection, "others", mine)).ready == set()
        assert (await buried.redrive(connection, QUEUE, tenant_id=rig.tenant)).ready == set(mine)
        assert (await buried.redrive(connection, QUEUE, theirs, tenant_id=rig.tenant)).ready == set()
        assert (await buried.redrive(connection, QUEUE)).ready == set(theirs)
    assert len(await rig.claim()) == 33 and await rig.count("job_buried") == 0


async def test_a_key_that_was_taken_meanwhile_stays_with_who_has_it(rig: Rig) -> None:
    (first,) = await _bury(rig, key="k")
    (second,) = await _bury(rig, key="k")
    (free,) = await _bury(rig)
    async with rig.pool.acquire() as connection:
        done = await buried.redrive(connection, QUEUE)
        assert done == _redriven({first, free}, {second}), "the first of two with one key"
        done = await buried.redrive(connection, QUEUE, [second])
        assert done == _redriven(set(), {second})
        await add.cancel_by_key(connection, rig.tenant, QUEUE, "k")
        assert (await buried.redrive(connection, QUEUE, [second])).ready == {second}


async def test_an_id_that_lives_again_is_reported_too(rig: Rig) -> None:
    (id,) = await _bury(rig)
    async with rig.pool.acquire() as connection:
        await add.add(connection, rig.job(id=id, args="retried elsewhere"))
        assert (await buried.redrive(connection, QUEUE)).taken == {id}
        # … and buried again, it takes the place of its first burial.
        await settle.bury(connection, {await rig.claim_one(): "551 again"})
        assert await connection.fetch("SELECT error, args FROM job_buried") == [("551 again", "retried elsewhere")]


async def test_redriven_jobs_go_to_their_tenants_lanes(rig: Rig) -> None:
    tenants = {lane: tenant_in(lane) for lane in (0, 1, 31, 63)}
    for tenant in tenants.values():
        await _bury(rig, tenant_id=tenant)
    async with rig.pool.acquire() as connection:
        await buried.redrive(connection, QUEUE)
    lanes = {job.tenant_id: job.lane for job in await rig.claim()}
    assert lanes == {tenant: lane for lane, tenant in tenants.items()}
    assert lanes == {tenant: lane_of(tenant) for tenant in lanes}


async def test_clean_deletes_what_is_old_in_batches(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buried, "BATCH", 7)
    old = await _bury(rig, 20)
    theirs = await _bury(rig, 2, tenant_id=tenant_in(9))
    await rig.pool.execute("UPDATE job_buried SET buried_at = now() - interval '8 days'")
    new = await _bury(rig, 3)
    week = timedelta(days=7)
    async with rig.pool.acquire() as connection:
        assert await buried.clean(connection, "others", week) == 0
        assert await buried.clean(connection, QUEUE, week, tenant_id=rig.tenant) == len(old)
        assert await buried.clean(connection, QUEUE, week) == len(theirs)
        assert {row["id"] for row in await connection.fetch("SELECT id FROM job_buried")} == set(new)
        assert await buried.clean(connection, QUEUE, timedelta(0)) == len(new)


async def test_errors_are_grouped_by_what_is_alike_in_them(rig: Rig) -> None:
    for n in range(3):
        await _bury(rig, 1, f"550 5.1.1 <ann{n}@example.com>: unknown user (4{n}7, id 0199f1d2-aa0{n}-7c31)")
    await _bury(rig, 1, "connection refused")
    async with rig.pool.acquire() as connection:
        common, rare = await buried.groups(connection, QUEUE)
        assert await buried.groups(connection, QUEUE, tenant_id=uuid4()) == []
    assert (common.count, rare.count) == (3, 1)
    assert common.example.startswith("550 5.1.1 <ann2@") and rare.fingerprint == "connection refused"
    assert "unknown user" in common.fingerprint and "example.com" not in common.fingerprint
    assert common.first_at < common.last_at <= clock.now() + timedelta(seconds=5)
