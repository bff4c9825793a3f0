"""Who is urgent gets the next permit, whoever is before them: with a part kept for them at once, without one soon."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from tests.support.post import LIMIT, TENANT, Post, most_within
from tests.support.wait import wait_until

from clarion.flows.rates import tenant_pace
from clarion.queue import limits
from clarion.queue.job import LANES
from clarion.store.database import Pool, open_pool

CROWD = 5_000


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    pool = await open_pool(database, size=12, statement_timeout_s=30, application_name="tests")
    yield pool
    await pool.close()


@pytest.fixture
def post(pool: Pool) -> Post:
    return Post(pool)


async def overtaken_by(post: Post, **fields: object) -> int:
    """How many others begin between the adding of one urgent job and its beginning."""
    before = len(post.begun)
    (urgent,) = await post.add(1, priority=0, **fields)
    await wait_until(lambda: any(id == urgent for _, id in post.begun[before:]), timeout=10, what="the urgent one went")
    return next(place for place, (_, id) in enumerate(post.begun[before:]) if id == urgent)


async def test_without_a_reserve_it_waits_for_less_than_what_was_given_out_already(post: Post) -> None:
    """Half a second's permits are in the hands of two workers: it takes the next of one of them."""
    await post.define(40)
    await post.add(CROWD)
    async with post.worker("one"), post.worker("two"):
        await post.until(20)
        places = [await overtaken_by(post) for _ in range(6)]
    assert max(places) <= 30, places
    assert sorted(places)[3] <= 15, places
    assert most_within([at for at, _ in post.begun], 1) <= 50


async def test_with_a_reserve_it_goes_at_once_and_all_together_keep_to_the_limit(post: Post) -> None:
    await post.define(40, reserve=0.1)
    await post.add(CROWD)
    async with post.worker("one"), post.worker("two"):
        await post.until(40)
        crowd_only = len(post.begun)
        places = []
        for _ in range(8):
            places.append(await overtaken_by(post))
            goes_on = len(post.begun) + 12
            await post.until(goes_on)
    assert sorted(places)[5] <= 5, f"a few permits' time: {places}"
    assert max(places) <= 12, places
    assert crowd_only >= 40
    assert most_within([at for at, _ in post.begun], 1) <= 50


async def test_what_is_kept_is_not_given_to_the_crowd(post: Post) -> None:
    await post.define(40, reserve=0.5)
    await post.add(CROWD)
    async with post.worker("one"), post.worker("two"):
        await post.until(60)
    times = [at for at, _ in post.begun]
    assert most_within(times, 1) <= 25, "20 a second, whoever is there"
    assert (len(times) - 1) / (times[-1] - times[0]) == pytest.approx(20, rel=0.15)


async def test_the_crowd_goes_on_while_the_urgent_come_and_the_urgent_alone_get_all_of_it(post: Post) -> None:
    await post.define(40, reserve=0.1)
    crowd = set(await post.add(CROWD))
    async with post.worker("one"), post.worker("two"):
        await post.until(20)
        began, first = time.monotonic(), len(post.begun)
        urgent: list[UUID] = []
        while time.monotonic() < began + 3:
            urgent += await post.add(1, priority=1)
            await asyncio.sleep(0.1)
        during = [id for _, id in post.begun[first:]]
        assert sum(id in crowd for id in during) >= 0.5 * (len(during) - len(urgent)) > 0
        assert sum(id in crowd for id in during) >= 45, "three quarters of the rate are left to it"
        await wait_until(lambda: set(urgent) <= {id for _, id in post.begun}, timeout=10, what="all urgent ones went")
        last = len(post.begun)
        await post.until(last + 40)
        assert all(id in crowd for _, id in post.begun[last:])


async def test_a_crowd_of_the_urgent_keeps_to_the_limit(post: Post) -> None:
    await post.define(40, reserve=0.25)
    await post.add(300, priority=0)
    async with post.worker("one"), post.worker("two"):
        await post.until(120)
    times = [at for at, _ in post.begun]
    assert most_within(times, 1) <= 52
    assert (len(times) - 1) / (times[-1] - times[0]) == pytest.approx(40, rel=0.2), "both parts are theirs"


async def test_within_a_limit_of_its_own_the_crowd_of_a_tenant_does_not_stand_before_its_urgent_one(post: Post) -> None:
    pace = tenant_pace(TENANT)
    await post.define(40, name=pace)
    await post.add(CROWD, pace=pace)
    async with post.worker("one"), post.worker("two"):
        await post.until(20)
        places = [await overtaken_by(post, pace=pace) for _ in range(4)]
    assert max(places) <= 40, places
    assert sorted(places)[1] <= 20, places


async def waits(post: Post, **fields: object) -> float:
    """How long one urgent job waits that comes just after another has gone."""
    before = len(post.begun)
    await post.until(before + 1)
    added = time.monotonic()
    (urgent,) = await post.add(1, priority=0, **fields)
    await wait_until(lambda: any(id == urgent for _, id in post.begun[before:]), timeout=10, what="the urgent one went")
    return next(at for at, id in post.begun[before:] if id == urgent) - added


@pytest.mark.parametrize("limited", ["the queue", "the tenant"])
async def test_however_slow_the_limit_what_is_kept_is_there_at_once(post: Post, limited: str) -> None:
    """The next permit of the crowd is a second away, and its room is full."""
    fields = {"pace": tenant_pace(TENANT)} if limited == "the tenant" else {}
    await post.define(2, reserve=0.5, name=fields.get("pace", LIMIT))
    await post.add(500, **fields)
    async with post.worker("one"), post.worker("two"):
        await post.until(2)
        waited = [await waits(post, **fields) for _ in range(3)]
    assert sorted(waited)[1] < 0.5, waited
    assert max(waited) < 1.5, waited


async def test_tenants_in_every_lane_do_not_shut_the_urgent_out(post: Post) -> None:
    """Of each lane there is a job in hand, more than the limit can use for long."""
    await post.define(4, reserve=0.25)
    for lane in range(LANES):
        await post.add(20, tenant_id=UUID(int=(uuid4().int & ~63) | lane))
    async with post.worker():

        async def is_packed() -> bool:
            return bool(await post.pool.fetchval("SELECT count(*) >= 11 FROM job WHERE state = 1"))

        await wait_until(is_packed, timeout=10, what="much is in hand")
        assert await waits(post) < 0.6


async def test_no_pace_starves_another_by_its_name(post: Post) -> None:
    """More paces than one claim takes jobs: all of them go on."""
    names = [f"workflow:{number:03}" for number in range(60)]
    for name in names:
        await post.define(20, name=name)
        await post.add(40, pace=name)
    async with post.worker(claim=50):
        paces = dict(await post.pool.fetch("SELECT id, pace FROM job"))
        await wait_until(
            lambda: len({paces[id] for _, id in post.begun}) == len(names), timeout=10, what="each of them went"
        )


async def test_a_limit_that_refuses_takes_no_permit_of_another(pool: Pool) -> None:
    """All or none: what one limit has is not spent because another has nothing."""
    soon = timedelta(milliseconds=1)
    async with pool.acquire() as connection:
        await limits.define(connection, "tenant:t", 1)
        await limits.define(connection, "provider:p", 1)
        assert isinstance(await limits.reserve(connection, "provider:p", 1, horizon=soon), limits.Reserved)
        for _ in range(50):
            refused = await limits.reserve(connection, "tenant:t", 5, also=["provider:p"], horizon=soon)
            assert isinstance(refused, limits.Refused)
        granted = await limits.reserve(connection, "tenant:t", 1, horizon=soon)
        assert isinstance(granted, limits.Reserved), "fifty refusals have cost it nothing"
        assert granted.delays == (timedelta(0),)
        await limits.pause(connection, "provider:p", timedelta(minutes=1), "HTTP 429")
        paused = await limits.reserve(connection, "tenant:t", 1, also=["provider:p"], urgent=True)
        assert isinstance(paused, limits.Refused)
        assert paused.reason == "HTTP 429", "a pause is for everybody, however urgent"


async def test_the_urgent_see_one_slot_further(pool: Pool) -> None:
    async with pool.acquire() as connection:
        await limits.define(connection, LIMIT, 2)
        half = timedelta(seconds=0.5)
        crowd = await limits.reserve(connection, LIMIT, 50, horizon=half)
        assert isinstance(crowd, limits.Reserved)
        assert isinstance(await limits.reserve(connection, LIMIT, 1, horizon=half), limits.Refused)
        urgent = await limits.reserve(connection, LIMIT, 1, horizon=half, urgent=True)
        assert isinstance(urgent, limits.Reserved), "the next is theirs"
        assert crowd.delays[-1] < urgent.delays[0] <= timedelta(seconds=1.01)
        await limits.define(connection, LIMIT, 2, reserve=0.5)
        kept = await limits.reserve(connection, LIMIT, 1, horizon=half, urgent=True)
        assert isinstance(kept, limits.Reserved)
        assert kept.delays == (timedelta(0),), "what is kept for them is free"
