"""A rate smooths what comes: a hundred a second in, twenty out, by all workers together, and nothing is lost."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from itertools import count, pairwise
from uuid import UUID, uuid4

import pytest
from tests.support.post import LIMIT, QUEUE, TENANT, Post, most_within
from tests.support.wait import wait_until

from clarion.queue import counts, limits
from clarion.queue.job import lane_of
from clarion.store.database import Pool, open_pool

SECOND = timedelta(seconds=1)


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    pool = await open_pool(database, size=12, statement_timeout_s=30, application_name="tests")
    yield pool
    await pool.close()


@pytest.fixture
def post(pool: Pool) -> Post:
    return Post(pool)


def assert_smooth(times: Sequence[float], per_second: float, *, steady: tuple[float, float]) -> None:
    """Within 10 % in every window of 5 s of what is *steady*, and never more than 25 % above in one second."""
    assert most_within(times, 1) <= per_second * 1.25
    start = steady[0]
    while start + 5 <= steady[1]:
        count = sum(start <= at < start + 5 for at in times)
        assert per_second * 4.5 <= count <= per_second * 5.5, f"{count} in the 5 s from {start - times[0]:.2f} s on"
        start += 0.1


async def test_a_hundred_a_second_in_are_twenty_a_second_out(post: Post) -> None:
    await post.define(20)
    began = time.monotonic()
    async with post.worker("one") as one, post.worker("two") as two:
        made = await post.pour(100, 6)
        waiting = await post.ready()
        assert 400 <= waiting <= 500, "the backlog is seen where it belongs"
        await wait_until(lambda: time.monotonic() > began + 9, timeout=10, what="nine seconds of it")
        until = time.monotonic()
        times = [at for at, _ in post.begun]
        await post.define(100_000)
        await asyncio.gather(one.run_once(), two.run_once())
        await post.until(len(made))
    assert_smooth(times, 20, steady=(began + 0.5, until))
    assert Counter(id for _, id in post.begun) == Counter(made), "each once, none lost"


async def test_a_restart_makes_no_burst(post: Post) -> None:
    await post.define(20, burst=5)
    made = await post.add(100)
    async with post.worker():
        await post.until(30)
    async with post.worker():
        await post.until(60)
    assert await post.pool.fetchval("SELECT count(*) FROM job WHERE state <> 0 OR attempts <> 0") == 0, "all given back"
    async with post.worker() as worker:
        await post.until(75)
        await post.define(100_000)
        await worker.run_once()
        await post.until(100)
    times = [at for at, _ in post.begun[:75]]
    assert most_within(times, 1) <= 27, "the burst of five is only after a rest"
    assert Counter(id for _, id in post.begun) == Counter(made)


async def test_a_burst_goes_at_once_after_a_rest(post: Post) -> None:
    await post.define(10, burst=5)
    async with post.worker():
        await post.add(9)
        await post.until(9)
    times = [at for at, _ in post.begun]
    assert times[4] - times[0] < 0.09
    assert all(later - earlier > 0.05 for earlier, later in pairwise(times[4:]))


async def test_a_pause_in_the_middle_stops_all_and_then_it_goes_on_as_before(post: Post) -> None:
    await post.define(40)
    await post.add(400)
    async with post.worker("one"), post.worker("two"):
        await post.until(20)
        async with post.pool.acquire() as connection:
            await limits.pause(connection, LIMIT, 60 * SECOND, "the provider asked for it")
            paused = time.monotonic()

            async def is_back() -> bool:
                return bool(await connection.fetchval("SELECT count(*) = 0 FROM job WHERE state = 1"))

            await wait_until(is_back, what="nobody holds any for so long")
            before = len(post.begun)
            assert all(at < paused + 0.7 for at, _ in post.begun), "what had its time already has gone, no other"
            await limits.lift(connection, LIMIT)
        await post.until(before + 60)
    times = [at for at, _ in post.begun]
    assert most_within(times, 1) <= 50
    assert times[before + 59] - times[before] == pytest.approx(59 / 40, abs=0.5)


async def test_a_limited_workflow_is_in_nobodys_way(post: Post) -> None:
    """Its thousands wait before and behind the others in the same queue, of the same tenant."""
    await post.define(20, name="workflow:slow")
    slow = await post.add(3_000, pace="workflow:slow")
    async with post.worker("one"), post.worker("two"):
        await post.until(10)
        began = time.monotonic()
        quick = set(await post.add(2_000))
        await wait_until(lambda: quick <= {id for _, id in post.begun}, what="all others have gone")
        assert time.monotonic() - began < 4
        await wait_until(lambda: len(set(slow) & {id for _, id in post.begun}) >= 100, timeout=15, what="some of them")
    times = [at for at, id in post.begun if id not in quick]
    assert most_within(times, 1) <= 25
    async with post.pool.acquire() as connection:
        counted = await counts.counts(connection, QUEUE)
    assert counted.paced.value == counted.ready.value == 3_000 - len(times)
    order = [id for _, id in post.begun if id not in quick]
    places = {id: place for place, id in enumerate(slow)}
    assert all(abs(places[id] - place) <= 60 for place, id in enumerate(order)), "in their order, but for two workers"


async def test_a_limited_workflow_keeps_to_the_limit_of_its_queue_as_well(post: Post) -> None:
    await post.define(20)
    await post.define(10, name="workflow:slow")
    slow = set(await post.add(300, pace="workflow:slow"))
    await post.add(300)
    async with post.worker():
        await post.until(80)
    times = [at for at, _ in post.begun]
    assert most_within(times, 1) <= 25
    assert most_within([at for at, id in post.begun if id in slow], 1) <= 13


async def test_lanes_take_turns_within_a_limit_and_urgent_jobs_do_not_queue(post: Post) -> None:
    await post.define(20)
    big = uuid4()
    small = UUID(int=big.int ^ 1)
    assert lane_of(big) != lane_of(small)
    await post.add(2_000, tenant_id=big)
    async with post.worker("one"), post.worker("two"):
        await post.until(20)
        others, urgent = await post.add(3, tenant_id=small), await post.add(1, tenant_id=big, priority=0)
        before = len(post.begun)
        await wait_until(lambda: {*others, *urgent} <= {id for _, id in post.begun}, timeout=5, what="they have gone")
    places = {id: place - before for place, (_, id) in enumerate(post.begun)}
    assert places[urgent[0]] <= 15
    assert max(places[id] for id in others) <= 24, "behind what had its turn beside them, and what was given out before"


async def test_a_job_that_is_cancelled_while_it_waits_is_never_begun(post: Post) -> None:
    await post.define(1)
    made = await post.add(20)
    async with post.worker() as worker:
        await post.until(1)
        gone = await post.pool.fetch("DELETE FROM job WHERE id = ANY ($1) AND state = 0 RETURNING id", made[10:])
        assert len(gone) == 10, "what waits is not in anybody's hands"
        await post.define(1_000)
        await worker.run_once()
        await post.until(10)
        assert [id for _, id in post.begun] == made[:10]


@pytest.mark.parametrize("tenants", [1, 8])
async def test_no_more_is_in_hand_than_a_second_can_use(post: Post, tenants: int) -> None:
    """However slow the limit: what is in hand is in nobody else's, and does not heed who cancels it."""
    await post.define(6)
    for _ in range(tenants):
        await post.add(200, tenant_id=uuid4())
    most = 0
    async with post.worker():
        while len(post.begun) < 15:
            most = max(most, await post.pool.fetchval("SELECT count(*) FROM job WHERE state = 1"))
            await asyncio.sleep(0.01)
    assert most <= (9 if tenants == 1 else 31), "a second's seven; three times as many, that further lanes have a turn"


async def test_a_slow_limit_holds_nothing_while_it_waits_and_a_new_one_counts_at_once(post: Post) -> None:
    await post.define(1 / 3600)
    await post.add(30)
    async with post.worker() as worker:
        await post.until(1)

        async def is_back() -> bool:
            return bool(await post.pool.fetchval("SELECT count(*) = 29 FROM job WHERE state = 0 AND attempts = 0"))

        await wait_until(is_back, what="the others are given back, no attempt spent")
        await post.define(100)
        await worker.run_once()
        await post.until(30, timeout=15)


async def test_a_worker_that_is_held_up_does_not_make_up_for_it(post: Post) -> None:
    await post.define(20)
    await post.add(200)
    async with post.worker():
        await post.until(10)
        post.held = asyncio.Event()
        stood = len(post.begun)
        await wait_until(lambda: len(post.begun) > stood, what="somebody is held up")
        time.sleep(0.8)  # noqa: ASYNC251 - the whole process stands still
        post.held.set()
        post.held = None
        await post.until(60)
    most = most_within([at for at, _ in post.begun], 1)
    assert most <= 26, "with what was let go just before, and what was due in the last tenth of a second"


async def test_so_many_at_once_is_a_setting_that_holds(post: Post) -> None:
    post.held = asyncio.Event()
    await post.add(100)
    async with post.worker(at_once=5):
        await post.until(5)
        await wait_until(lambda: post.most == 5, what="five are at work")
        post.held.set()
        await post.until(100)
        assert post.most == 5


async def test_without_a_limit_nothing_is_asked(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_: object, **__: object) -> None:
        raise AssertionError("there is nothing to reserve")

    reserve: Callable[..., Awaitable[object]] = never
    monkeypatch.setattr(limits, "reserve", reserve)
    await post.add(500)
    async with post.worker():
        await post.until(500)


async def test_two_paces_in_one_lane_do_not_hold_each_other_up(post: Post) -> None:
    """Names are hashed to lanes: the jobs of a slow limit, due long before, do not keep back those of a fast one."""
    slow, fast = same_lane()
    assert lane_of(TENANT, slow) == lane_of(TENANT, fast)
    await post.define(0.2, name=slow)
    await post.define(50, name=fast)
    await post.add(1_500, pace=slow)
    quick = set(await post.add(150, pace=fast))
    async with post.worker("one"), post.worker("two"):
        began = time.monotonic()
        await wait_until(
            lambda: quick <= {id for _, id in post.begun}, timeout=20, what="all of the fast ones are begun"
        )
        took = time.monotonic() - began
    assert took < 6, "149 of them at 50 a second, and a look for them before"
    times = [at for at, id in post.begun if id in quick]
    assert most_within(times, 1) <= 62
    assert len(post.begun) - len(times) <= 1 + math.ceil(took * 0.2) + 1, "the slow ones keep to their own"


def same_lane() -> tuple[str, str]:
    """Two names of one lane."""
    seen: dict[int, str] = {}
    for number in count():
        name = f"workflow:{number}"
        if (other := seen.setdefault(lane_of(TENANT, name), name)) != name:
            return other, name
    raise AssertionError("there is no end to numbers")
