"""Setting timers and taking them back: the row and its job are one, and many at once wait for nobody in a circle."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from clarion.domain.action import Publish, SetTimer
from clarion.domain.timer import Cancelled
from clarion.flows.timers import KIND, QUEUE, NewTimer, cancel_timers, set_timers
from clarion.queue import settle
from clarion.queue.claim import Claimer
from clarion.store import tenants
from clarion.store.database import Pool, open_pool

FAR = datetime(2100, 1, 1, tzinfo=UTC)
PAST = datetime(2020, 1, 1, tzinfo=UTC)
TOLD = Publish(kind="nats", target={"subject": "expiration.complete"}, body={"orderId": "o-1"})


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    pool = await open_pool(database, size=8, statement_timeout_s=10, application_name="test")
    async with pool:
        yield pool


@pytest.fixture
async def tenant(pool: Pool) -> UUID:
    async with pool.acquire() as connection:
        return await tenants.ensure(connection, "one")


async def _set(pool: Pool, *timers: NewTimer) -> list[UUID]:
    async with pool.acquire() as connection, connection.transaction():
        return await set_timers(connection, timers)


async def _cancel(pool: Pool, *names: tuple[UUID, str]) -> list[Cancelled]:
    async with pool.acquire() as connection, connection.transaction():
        return await cancel_timers(connection, names)


async def _agree(pool: Pool) -> int:
    """How many timers are pending; each has its job at its time, and no job is without its timer."""
    pending = await pool.fetch("SELECT id, tenant_id, key FROM timer WHERE status = 'pending' ORDER BY id")
    jobs = await pool.fetch("SELECT id, tenant_id, key FROM job WHERE queue = $1 ORDER BY id", QUEUE)
    assert pending == jobs
    return len(pending)


async def test_a_timer_is_a_row_and_a_job_with_its_id(pool: Pool, tenant: UUID) -> None:
    nested = SetTimer(key="later", at=FAR, actions=[TOLD])
    new = NewTimer(tenant_id=tenant, key="o-1", at=FAR, actions=[TOLD, nested], metadata={"order": "o-1"})
    (id,) = await _set(pool, new)
    row = await pool.fetchrow("SELECT * FROM timer")
    assert row is not None
    assert (row["id"], row["status"], row["fire_at"], row["rev"]) == (id, "pending", FAR, 1)
    assert row["metadata"] == {"order": "o-1"}
    assert [next(iter(one)) for one in row["actions"]] == ["publish", "timer.set"]
    job = await pool.fetchrow("SELECT * FROM job")
    assert job is not None
    assert (job["id"], job["queue"], job["kind"], job["key"], job["run_at"]) == (id, QUEUE, KIND, "o-1", FAR)


async def test_set_again_it_is_rescheduled_and_keeps_its_id(pool: Pool, tenant: UUID) -> None:
    first = await _set(pool, NewTimer(tenant_id=tenant, key="o-1", at=FAR, actions=[TOLD]))
    sooner = FAR - timedelta(days=1)
    again = await _set(pool, NewTimer(tenant_id=tenant, key="o-1", at=sooner, actions=[]))
    assert first == again
    row = await pool.fetchrow("SELECT t.*, j.run_at FROM timer t JOIN job j USING (id)")
    assert row is not None
    assert (row["rev"], row["fire_at"], row["run_at"], row["actions"]) == (2, sooner, sooner, [])


async def test_of_several_with_one_key_the_last_counts_and_tenants_are_apart(pool: Pool, tenant: UUID) -> None:
    async with pool.acquire() as connection:
        other = await tenants.ensure(connection, "two")
    new = [
        NewTimer(tenant_id=tenant, key="b", at=FAR, actions=[]),
        NewTimer(tenant_id=other, key="b", at=FAR, actions=[]),
        NewTimer(tenant_id=tenant, key="a", at=FAR, actions=[]),
        NewTimer(tenant_id=tenant, key="b", at=FAR + timedelta(days=1), actions=[]),
    ]
    found = await _set(pool, *new)
    assert found[0] == found[3]
    assert len(set(found)) == 3 == await _agree(pool)
    assert await pool.fetchval("SELECT fire_at FROM timer WHERE id = $1", found[0]) == FAR + timedelta(days=1)


async def test_what_is_due_in_the_past_is_due_now(pool: Pool, tenant: UUID) -> None:
    """Claims that have come further than its time would pass it by otherwise."""
    await _set(pool, NewTimer(tenant_id=tenant, key="o-1", at=PAST, actions=[]))
    assert await pool.fetchval("SELECT now() - run_at < interval '1 min' AND fire_at = $1 FROM job, timer", PAST)


async def test_cancelling_says_what_became_of_each(pool: Pool, tenant: UUID) -> None:
    async with pool.acquire() as connection:
        other = await tenants.ensure(connection, "two")
    await _set(pool, *(NewTimer(tenant_id=tenant, key=key, at=FAR, actions=[]) for key in ("a", "b", "c")))
    await pool.execute("UPDATE timer SET status = 'fired', fire_at = now(), fired_at = now() WHERE key = 'b'")
    await pool.execute("DELETE FROM job WHERE key = 'b'")
    names = [(tenant, "a"), (tenant, "b"), (tenant, "x"), (other, "c"), (tenant, "a")]
    c, late, no = Cancelled.CANCELLED, Cancelled.TOO_LATE, Cancelled.UNKNOWN
    assert await _cancel(pool, *names) == [c, late, no, no, c]
    assert await _cancel(pool, (tenant, "a")) == [c], "again it changes nothing"
    assert await _agree(pool) == 1
    assert await _cancel(pool) == []


async def test_a_cancelled_one_is_taken_from_whoever_holds_its_job(pool: Pool, tenant: UUID) -> None:
    await _set(pool, NewTimer(tenant_id=tenant, key="o-1", at=PAST, actions=[]))
    async with pool.acquire() as connection:
        claimer = Claimer(QUEUE, worker="w", lease=timedelta(minutes=1))
        (job,) = await claimer.claim(connection, 10)
        assert await _cancel(pool, (tenant, "o-1")) == [Cancelled.CANCELLED]
        await _set(pool, NewTimer(tenant_id=tenant, key="o-1", at=FAR, actions=[]))
        assert await settle.settle(connection, [job]) == {job.id}, "it lost the job, though the id is the same"
    assert await _agree(pool) == 1


async def test_many_at_once_neither_deadlock_nor_come_apart(pool: Pool, tenant: UUID) -> None:
    keys = [f"k-{i}" for i in range(40)]

    async def act(seed: int) -> None:
        choice = random.Random(seed)
        claimer = Claimer(QUEUE, worker=f"w{seed}", lease=timedelta(minutes=1))
        for _ in range(25):
            some = choice.sample(keys, choice.randrange(1, 40))
            at = choice.choice([FAR, PAST])
            match choice.randrange(3):
                case 0:
                    await _set(pool, *(NewTimer(tenant_id=tenant, key=key, at=at, actions=[]) for key in some))
                case 1:
                    await _cancel(pool, *((tenant, key) for key in some))
                case _:
                    async with pool.acquire() as connection:
                        jobs = await claimer.claim(connection, 10)
                        await settle.extend(connection, jobs, timedelta(minutes=2))
                        await settle.release(connection, jobs)

    await asyncio.gather(*(act(seed) for seed in range(8)))
    assert await _agree(pool) == await pool.fetchval("SELECT count(*) FROM timer WHERE status = 'pending'")
