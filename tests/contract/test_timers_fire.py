"""Firing: decided once, whoever races it; what it causes is written with it, and what cannot be done is not lost."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import pytest
from tests.support.clock import pass_time
from tests.support.timers import FAR, PAST, Timers, expired

from clarion import ids
from clarion.domain.action import SetTimer, Trigger
from clarion.domain.timer import Cancelled, cause_of
from clarion.flows import publications, publish_action
from clarion.flows.fire import Fired
from clarion.flows.timers import QUEUE
from clarion.queue import buried
from clarion.store import tenants
from clarion.store.database import Connection, open_pool

HOUR = timedelta(hours=1)


@pytest.fixture
async def timers(database: str) -> AsyncIterator[Timers]:
    pool = await open_pool(database, size=8, statement_timeout_s=10, application_name="test")
    async with pool:
        async with pool.acquire() as connection:
            tenant = await tenants.ensure(connection, "one")
        yield Timers(pool=pool, tenant=tenant)


async def test_what_is_due_fires_once_with_an_id_made_from_the_firing(timers: Timers) -> None:
    first, _ = await timers.set(timers.new("o-1"), timers.new("o-2", FAR))
    cause = cause_of(ids.show(ids.Prefix.TIMER, first), 1, 0)
    assert len(await timers.run()) == 1
    row = await timers.row("o-1")
    assert (row["status"], row["error"], row["fired_at"] >= row["fire_at"]) == ("fired", None, True)
    assert await timers.publications() == [publish_action.read(timers.tenant, expired("o-1"), cause).id]
    assert timers.rung == [publications.QUEUE]
    assert await timers.agree() == 1
    assert await timers.run() == []


async def test_a_timer_of_next_week_fires_when_a_week_has_passed(timers: Timers) -> None:
    now = await timers.pool.fetchval("SELECT now()")
    await timers.set(timers.new("o-1", now + timedelta(days=7)), timers.new("o-2", now + timedelta(days=9)))
    await pass_time(timers.pool, timedelta(days=6))
    assert await timers.run() == []
    await pass_time(timers.pool, timedelta(days=2))
    assert len(await timers.run()) == 1
    row = await timers.row("o-1")
    assert (row["status"], row["fired_at"] >= row["fire_at"] > now - timedelta(days=2)) == ("fired", True)
    assert await timers.agree() == 1


async def test_what_did_not_commit_is_done_again_under_the_same_id(timers: Timers) -> None:
    """A worker that dies while it fires leaves nothing; whoever comes next says the same words."""
    told: list[list[str]] = []

    async def die(connection: Connection, fired: Sequence[Fired]) -> Sequence[str]:
        rows = await connection.fetch("SELECT args FROM job WHERE queue = 'publish' ORDER BY id")
        told.append([row["args"]["id"] for row in rows])
        raise ConnectionError("killed")

    await timers.set(*(timers.new(f"o-{n}") for n in range(3)))
    jobs = await timers.claim()
    with pytest.raises(ConnectionError):
        await timers.fire(hear=die)(jobs)
    assert await timers.publications() == []
    await timers.fire()(jobs)
    assert sorted(told[0]) == sorted(await timers.publications())
    assert await timers.agree() == 0


async def test_a_claim_that_lost_its_lease_fires_nothing_twice(timers: Timers) -> None:
    await timers.set(timers.new("o-1"))
    stale = await timers.claim()
    await timers.pool.execute("UPDATE job SET state = 0, lease_until = NULL")
    await timers.run()
    await timers.fire()(stale)
    assert len(await timers.publications()) == 1


async def test_it_is_not_early_whatever_the_job_says(timers: Timers) -> None:
    await timers.set(timers.new("o-1", FAR))
    await timers.pool.execute("UPDATE job SET run_at = now() - interval '1 s'")
    (job,) = await timers.run()
    assert (await timers.row("o-1"))["status"] == "pending"
    assert await timers.pool.fetchval("SELECT run_at - $1 < interval '1 min' FROM job WHERE id = $2", FAR, job.id)
    assert await timers.agree() == 1


@pytest.mark.parametrize("sooner", [True, False])
async def test_a_timer_rescheduled_while_it_is_held_fires_at_its_new_time(timers: Timers, sooner: bool) -> None:
    await timers.set(timers.new("o-1"))
    jobs = await timers.claim()
    await timers.set(timers.new("o-1", PAST if sooner else FAR))
    await timers.fire()(jobs)
    row = await timers.row("o-1")
    if sooner:
        assert (row["status"], row["rev"]) == ("fired", 2)
        await timers.run()
        assert len(await timers.publications()) == 1
        assert await timers.agree() == 0
    else:
        assert (row["status"], row["fire_at"]) == ("pending", FAR)
        assert await timers.agree() == 1
        assert await timers.pool.fetchval("SELECT run_at FROM job") == FAR


async def test_a_timer_may_set_itself_again(timers: Timers) -> None:
    again = SetTimer(key="o-1", at=FAR, actions=[expired("o-1")])
    missing = Trigger(workflow="nobody-knows", recipients=["ana"])
    await timers.set(timers.new("o-1", PAST, again, missing))
    await timers.run()
    row = await timers.row("o-1")
    assert (row["status"], row["rev"], row["fire_at"], row["error"]) == ("pending", 2, FAR, None)
    assert await timers.agree() == 1


async def test_what_cannot_be_done_is_noted_and_its_job_waits_for_a_redrive(timers: Timers) -> None:
    missing = Trigger(workflow="nobody-knows", recipients=["ana"])
    await timers.set(timers.new("good"), timers.new("bad", PAST, timers.new("bad").actions[0], missing))
    await timers.run()
    assert len(await timers.publications()) == 2, "the others are not held up, nor its own other action"
    row = await timers.row("bad")
    assert (row["status"], row["failed"]) == ("fired", [1])
    assert "action 2: " in row["error"] and "nobody-knows" in row["error"]
    assert await timers.pool.fetchval("SELECT error FROM job_buried WHERE key = 'bad'") == row["error"]
    assert await timers.agree() == 0

    # Mended, and redriven: only what failed is done.
    await timers.pool.execute("UPDATE timer SET actions = jsonb_set(actions, '{1}', actions -> 0) WHERE key = 'bad'")
    async with timers.pool.acquire() as connection:
        assert len((await buried.redrive(connection, QUEUE)).ready) == 1
    await timers.run()
    told = await timers.publications()
    assert len(set(told)) == len(told) == 3
    row = await timers.row("bad")
    assert (row["failed"], row["error"]) == (None, None)
    assert await timers.pool.fetchval("SELECT count(*) FROM job_buried") == 0


async def test_an_action_of_a_kind_that_nobody_knows_is_noted(timers: Timers) -> None:
    await timers.set(timers.new("o-1"))
    await timers.pool.execute("""UPDATE timer SET actions = '[{"dance": {}}]'""")
    await timers.run()
    assert "dance" in (await timers.row("o-1"))["error"]


async def test_one_that_kills_workers_is_put_away_and_fires_when_redriven(timers: Timers) -> None:
    await timers.set(timers.new("bad"), timers.new("good"))
    await timers.pool.execute("UPDATE job SET rescues = 3 WHERE key = 'bad'")
    await timers.run()
    assert [(await timers.row(key))["status"] for key in ("bad", "good")] == ["pending", "fired"]
    async with timers.pool.acquire() as connection:
        await buried.redrive(connection, QUEUE)
    await timers.run()
    assert (await timers.row("bad"))["status"] == "fired"


async def test_a_thousand_cancels_race_the_firings_and_each_is_decided_once(timers: Timers) -> None:
    keys = [f"o-{n}" for n in range(1_000)]
    await timers.set(*(timers.new(key) for key in keys))
    answers: dict[str, Cancelled] = {}

    async def withdraw(seed: int) -> None:
        choice = random.Random(seed)
        mine = keys[seed::5]
        choice.shuffle(mine)
        while mine:
            some = [mine.pop() for _ in range(min(len(mine), choice.randrange(1, 8)))]
            answers.update(zip(some, await timers.cancel(*some), strict=True))

    async def fire() -> None:
        handler = timers.fire()
        while jobs := await timers.claim(40):
            await handler(jobs)

    await asyncio.gather(fire(), fire(), *(withdraw(seed) for seed in range(5)))
    rows = await timers.pool.fetch("SELECT key, status FROM timer")
    assert {row["key"]: row["status"] for row in rows} == {
        key: "cancelled" if answer is Cancelled.CANCELLED else "fired" for key, answer in answers.items()
    }
    counted = Counter(answers.values())
    assert counted[Cancelled.CANCELLED] and counted[Cancelled.TOO_LATE], counted
    told = await timers.publications()
    assert len(set(told)) == len(told) == counted[Cancelled.TOO_LATE]
    assert await timers.agree() == 0


async def test_firings_cancels_and_sets_at_once_neither_deadlock_nor_come_apart(timers: Timers) -> None:
    keys = [f"k-{n}" for n in range(40)]

    async def act(seed: int) -> None:
        choice, handler = random.Random(seed), timers.fire()
        for _ in range(25):
            some = choice.sample(keys, choice.randrange(1, 40))
            match choice.randrange(4):
                case 0:
                    await timers.set(*(timers.new(key, choice.choice([PAST, FAR])) for key in some))
                case 1:
                    await timers.cancel(*some)
                case _:
                    if jobs := await timers.claim(20):
                        await handler(jobs)

    await asyncio.gather(*(act(seed) for seed in range(8)))
    while await timers.run():  # also jobs of timers that were set to a new time and fired then by the old claim
        pass
    await timers.agree()
    fired = await timers.pool.fetch("SELECT key, rev FROM timer WHERE status = 'fired'")
    told = await timers.publications()
    assert len(set(told)) == len(told) >= len(fired)
