"""How triggers stand, as who waits for their end sees it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.support.ingest import Intake, make_intake, messages

from clarion import ids
from clarion.domain.standing import Standing, together
from clarion.flows.follow import Follow
from clarion.store.database import Pool, open_pool


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    pool = await open_pool(database, size=2, statement_timeout_s=10, application_name="test")
    async with pool:
        yield pool


@pytest.fixture
async def intake(pool: Pool) -> Intake:
    return await make_intake(pool)


async def test_a_trigger_is_followed_to_its_end(intake: Intake) -> None:
    """Accepted, expanded, half done, done: and what has ended is completed on the spot."""
    (answer,) = await intake.take(messages(1))
    (trigger,) = answer.triggers
    follow = Follow(intake.pool)
    assert (await follow([trigger]))[trigger].percent == 0
    await intake.pool.execute("UPDATE trigger SET status = 'running', expanded = 2, total = 2")
    await intake.pool.execute(
        "INSERT INTO trigger_count (trigger_id, channel, slot, tenant_id, queued, sent)"
        " VALUES ($1, 'email', 0, $2, 1, 1), ($1, 'in_app', 1, $2, 1, 1)",
        *(trigger, intake.tenant_id),
    )
    half = (await follow([trigger]))[trigger]
    assert (half.ended, half.percent, half.messages) == (False, 50, 4)
    await intake.pool.execute("UPDATE trigger_count SET queued = 0, sent = 2 - (channel = 'email')::int")
    await intake.pool.execute("UPDATE trigger_count SET failed = 1 WHERE channel = 'email'")
    done = (await follow([trigger]))[trigger]
    assert (done.ended, done.percent, done.failed) == (True, 100, 1)
    assert await intake.pool.fetchval("SELECT status FROM trigger") == "completed"
    assert (await follow([trigger]))[trigger] == done
    assert await follow([ids.new()]) == {}


def test_several_triggers_stand_as_one() -> None:
    one = Standing(ended=True, messages=2, done=2)
    two = Standing(ended=False, messages=2, done=0, expanded=0.5)
    both = together([one, two])
    assert (both.ended, both.percent) == (False, 25)
    assert together([]).ended
    bad = Standing(ended=True, messages=3, done=3, failed=2, reason="550")
    assert together([one, bad]).why == "2 of 5 messages failed: 550"
