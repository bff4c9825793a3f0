"""Doing what actions say: timers, set and taken back in the caller's transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from clarion import clock
from clarion.domain.action import CancelTimer, Publish, SetTimer
from clarion.flows.act import Act, Deed, Doings
from clarion.flows.definitions import Definitions
from clarion.store import tenants
from clarion.store.database import Pool, open_pool

PUBLISH = Publish(kind="nats", target={"subject": "a"}, body={"orderId": 7})


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    pool = await open_pool(database, size=1, statement_timeout_s=10, application_name="test")
    async with pool:
        yield pool


@pytest.fixture
async def tenant(pool: Pool) -> UUID:
    async with pool.acquire() as connection:
        return await tenants.ensure(connection, "one")


async def _act(pool: Pool, tenant: UUID, *actions: SetTimer | CancelTimer) -> Doings:
    deeds = [Deed(tenant_id=tenant, action=one, cause=f"c/{n}") for n, one in enumerate(actions)]
    async with pool.acquire() as connection, connection.transaction():
        return await Act(Definitions())(connection, deeds)


def _set(key: str, *, after: timedelta = timedelta(hours=3), **fields: Any) -> SetTimer:
    return SetTimer(**{"key": key, "at": clock.now() + after, "actions": [PUBLISH], **fields})


async def _pending(pool: Pool) -> dict[str, Any]:
    rows = await pool.fetch("SELECT key, actions, metadata FROM timer WHERE status = 'pending'")
    jobs = await pool.fetch("SELECT key FROM job WHERE queue = 'timers'")
    assert {row["key"] for row in rows} == {row["key"] for row in jobs}
    return {row["key"]: row for row in rows}


async def test_timers_are_set_and_taken_back(pool: Pool, tenant: UUID) -> None:
    doings = await _act(pool, tenant, _set("a", metadata={"order": 7}), _set("b"))
    assert doings.queues == set()  # nobody need be woken for what is hours away
    assert (await _act(pool, tenant, _set("c", after=timedelta(0)))).queues == {"timers"}
    pending = await _pending(pool)
    assert pending.keys() == {"a", "b", "c"}
    assert pending["a"]["metadata"] == {"order": 7}
    assert pending["a"]["actions"] == [
        {"publish": {"kind": "nats", "target": {"subject": "a"}, "body": {"orderId": 7}}}
    ]
    await _act(pool, tenant, CancelTimer(key="a"), CancelTimer(key="nothing"))
    assert (await _pending(pool)).keys() == {"b", "c"}


async def test_of_several_for_one_timer_the_last_counts(pool: Pool, tenant: UUID) -> None:
    once, twice = _set("a", metadata={"n": 1}), _set("a", metadata={"n": 2})
    await _act(pool, tenant, once, CancelTimer(key="a"), twice, _set("b"), CancelTimer(key="b"))
    pending = await _pending(pool)
    assert {key: row["metadata"] for key, row in pending.items()} == {"a": {"n": 2}}


async def test_one_that_cannot_be_set_leaves_the_others_be(pool: Pool, tenant: UUID) -> None:
    wrong: list[SetTimer | CancelTimer] = [
        _set("a\0"),
        _set(""),
        _set("x" * 256),
        _set("a", metadata={"a": "\0"}),
        _set("a", actions=[]),
        _set("a", actions=[Publish(kind="nats", body="\ud800")]),
        CancelTimer(key="a\nb"),
    ]
    doings = await _act(pool, tenant, *wrong, _set("fine"))
    codes = [done.error.code if done.error else None for done in doings.done]
    assert codes == [*["invalid_id"] * 3, "nul", "too_few", "invalid_unicode", "invalid_id", None]
    assert (await _pending(pool)).keys() == {"fine"}
