"""Accounts that give no list back, and accounts of which none may be used: who would go there waits in the queue."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from clarion.channels.base import Provider
from clarion.domain.breaker import Limits
from clarion.domain.outcome import Outcome
from clarion.domain.route import Route
from clarion.domain.workflow import Channel
from clarion.flows import accounts as module
from clarion.flows import deliver_routed
from clarion.flows.accounts import Accounts
from clarion.flows.batch import Batch
from clarion.flows.contexts import Contexts
from clarion.flows.deliver import Deliver
from clarion.flows.deliver_routed import DeliverRouted
from clarion.flows.parting import Part
from clarion.flows.published import Published
from clarion.flows.rates import provider_pace
from clarion.flows.slots import Slots
from clarion.queue import add, limits
from clarion.queue.claim import Claimer
from clarion.queue.job import Job, NewJob
from clarion.store import tenants
from clarion.store.database import Pool, open_pool
from clarion.turns import Turns

A = "twilio:a"


class Unused(Provider[Any]):
    """What nothing may be handed to."""

    name = A

    async def send(self, items: Sequence[Any]) -> list[Outcome]:
        raise AssertionError("it was handed over")

    async def close(self) -> None:
        return None


async def _never(_: asyncio.Semaphore) -> bool:
    """Waiting for a place that never comes free."""
    await asyncio.Event().wait()
    return False


async def test_where_all_places_are_held_for_long_nobody_waits_for_one(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await open_pool(database, size=3, statement_timeout_s=10, application_name="tests") as pool:
        (job,) = await _claimed(pool, 1)
        places, routed = _routed(pool)
        batch = Batch[Any]({job.id: None}, {}, {}, [], [], 0.0)
        async with places.place(A, 5) as held:
            assert held is not None
            held.began -= 60
            monkeypatch.setattr(module, "_entered", _never)
            async with asyncio.timeout(10):
                await routed._carry({job.id: job}, Part(A, batch), {})
        row = await pool.fetchrow("SELECT state, attempts, error, run_at > now() AS waits FROM job")
        assert row is not None
        assert (row["state"], row["attempts"], row["waits"]) == (0, 0, True), "it waits, and has spent nothing"
        assert row["error"] == f"all places of {A} are taken by messages that it does not answer"


async def test_a_crowd_that_nobody_may_carry_is_not_looked_at_again_and_again(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a million that wait would be claimed and put off without end; who brings a few goes on with others."""
    monkeypatch.setattr(deliver_routed, "_REST", timedelta(hours=1))
    async with await open_pool(database, size=3, statement_timeout_s=10, application_name="tests") as pool:
        jobs = await _claimed(pool, 30)
        _, routed = _routed(pool)
        async with pool.acquire() as connection:
            await limits.close(connection, provider_pace(A), "by hand")
        async with asyncio.timeout(10):
            await routed(jobs[:5])
        resting = asyncio.create_task(routed(jobs[5:]))
        done, _ = await asyncio.wait([resting], timeout=0.5)
        assert not done, "whoever brought so many rests"
        resting.cancel()
        assert await pool.fetchval("SELECT count(*) FROM job WHERE state = 0 AND run_at > now()") == 30
        assert await pool.fetchval("SELECT max(run_at) < now() + interval '75 s' FROM job"), "one may be resumed soon"


async def _claimed(pool: Pool, count: int) -> Sequence[Job]:
    async with pool.acquire() as connection:
        tenant_id = await tenants.ensure(connection, "one")
        await add.add_many(connection, [NewJob(queue="sms", kind="deliver", tenant_id=tenant_id) for _ in range(count)])
        return await Claimer("sms", worker="w", lease=timedelta(minutes=1)).claim(connection, count)


def _routed(pool: Pool) -> tuple[Accounts, DeliverRouted[Any]]:
    """What delivers by one account with one place."""
    usual: dict[str, Any] = {
        "pool": pool,
        "contexts": Contexts(Published(default_locale="en")),
        "provider": Unused(),
        "compose": lambda row, context: None,
        "channel": Channel.SMS,
        "worker": "w",
        "slots": Slots(),
        "turns": Turns(),
    }
    places = Accounts([A], limits=Limits(), places=1)
    return places, DeliverRouted({A: Deliver(**usual)}, [Route(accounts=(A,), name="")], places, **usual)
