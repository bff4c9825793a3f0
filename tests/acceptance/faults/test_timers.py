"""Timers on real workers: never early, each fired once, whatever becomes of the workers and their clocks."""

from __future__ import annotations

import asyncio
import random
from datetime import datetime, timedelta

import pytest
from tests.support.cluster import Cluster
from tests.support.crashing import ACTIONS, POINTS
from tests.support.process import Injection
from tests.support.timers import Timers
from tests.support.wait import wait_until

from clarion.domain.timer import Cancelled
from clarion.queue.job import lane_of

SECOND = timedelta(seconds=1)
_FIRED = "(SELECT count(*) FROM timer WHERE status = 'fired') = $1"

#: In the order in which all lock them.
_FORGIVE = "UPDATE job SET rescues = 0 WHERE id IN (SELECT id FROM job WHERE rescues > 0 ORDER BY id FOR UPDATE)"


def _timers(cluster: Cluster) -> Timers:
    return Timers(pool=cluster.pool, tenant=cluster.tenant_id)


async def _now(cluster: Cluster) -> datetime:
    now: datetime = await cluster.pool.fetchval("SELECT clock_timestamp()")
    return now


@pytest.mark.parametrize("at", ["fire:before_commit", "fire:after_commit"])
async def test_a_worker_that_dies_while_it_fires_loses_and_repeats_nothing(cluster: Cluster, at: str) -> None:
    timers, now = _timers(cluster), await _now(cluster)
    fired = await timers.set(*(timers.new(f"o-{n}", now + n * SECOND / 500) for n in range(1_000)))
    doomed = await cluster.worker(Injection(at, nth=2), worker_queues="timers")
    await doomed.until_struck()
    await cluster.worker(worker_queues="timers")
    await cluster.until(_FIRED, 1_000)
    await timers.assert_told_once(fired)


async def test_a_worker_that_stood_still_with_timers_in_hand_finds_that_another_fired_them(cluster: Cluster) -> None:
    timers = _timers(cluster)
    fired = await timers.set(*(timers.new(f"o-{n}") for n in range(300)))
    frozen = await cluster.worker(Injection("fire:before", "freeze"), worker_queues="timers")
    await frozen.until_frozen()
    held = await cluster.pool.fetchval("SELECT count(*) FROM job WHERE queue = 'timers' AND state = 1")
    assert held > 0, "it stands still with some in hand"
    await cluster.worker(worker_queues="timers")
    await cluster.until(_FIRED, 300)
    frozen.resume()
    later = await timers.set(timers.new("later"))
    await cluster.until(_FIRED, 301)
    assert await frozen.stop() == 0
    await timers.assert_told_once(fired + later)


@pytest.mark.parametrize("wrong", ["clock_off=3600", "clock_off=-3600", "clock_jumps=3600", "clock_jumps=-3600"])
async def test_a_worker_whose_clock_is_an_hour_off_is_neither_early_nor_late(cluster: Cluster, wrong: str) -> None:
    await cluster.worker(mutations=[wrong], worker_queues="timers")
    timers, now = _timers(cluster), await _now(cluster)
    first = await timers.set(timers.new("first", now))
    await cluster.until(_FIRED, 1)  # a clock that jumps has done so by now
    now = await _now(cluster)
    rest = await timers.set(*(timers.new(f"o-{n}", now + SECOND + n * SECOND / 100) for n in range(100)))
    await timers.set(timers.new("in an hour", now + timedelta(minutes=59)))
    await cluster.until(_FIRED, 101)
    late = [row["late"] for row in await cluster.pool.fetch("SELECT fired_at - fire_at AS late FROM timer")]
    assert min(one for one in late if one is not None) >= timedelta(0)
    assert max(one for one in late if one is not None) < 10 * SECOND, "far from an hour, on a busy machine too"
    assert (await timers.row("in an hour"))["status"] == "pending"
    assert not await cluster.pool.fetchval("SELECT count(*) FROM job WHERE queue = 'publish' AND run_at > now()")
    await timers.assert_told_once(first + rest)


@pytest.mark.torture
@pytest.mark.parametrize("do", ACTIONS)
@pytest.mark.parametrize("at", [point for point in POINTS if point.startswith("fire")])
async def test_cancels_race_firings_while_workers_come_to_grief(cluster: Cluster, at: str, do: str) -> None:
    """Four workers in a row, and 4,000 timers, every second of which is cancelled as it falls due."""
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    timers, now = _timers(cluster), await _now(cluster)
    ids = await timers.set(*(timers.new(f"o-{n}", now + SECOND + n * SECOND / 400) for n in range(4_000)))
    cancelling = asyncio.create_task(_cancel_every_second(cluster, timers, now + SECOND))
    workers = []

    async def nothing_is_due() -> bool:
        return not await cluster.pool.fetchval("SELECT count(*) FROM timer WHERE status = 'pending'")

    for _ in range(4):
        worker = await cluster.worker(Injection(at, do, nth=chance.randrange(1, 8)), worker_queues="timers")
        workers.append(worker)
        await worker.until_struck_or(nothing_is_due)
        # Innocent of so many deaths: at three it would be put away, as test_poison.py has it.
        await cluster.pool.execute(_FORGIVE)
    assert workers[0].struck
    await cluster.worker(worker_queues="timers")
    await asyncio.sleep(chance.uniform(0, 4))  # frozen ones go on somewhere in the middle of it
    for worker in workers:
        worker.resume()
    answers = await cancelling
    assert set(answers.values()) == set(Cancelled) - {Cancelled.UNKNOWN}, "some cancels were early, some too late"
    fired = [id for n, id in enumerate(ids) if answers.get(f"o-{n}") is not Cancelled.CANCELLED]
    await cluster.until(_FIRED, len(fired))
    assert await cluster.pool.fetchval("SELECT min(fired_at - fire_at) FROM timer") >= timedelta(0)
    await timers.assert_told_once(fired)


async def _cancel_every_second(cluster: Cluster, timers: Timers, first: datetime) -> dict[str, Cancelled]:
    """Cancel every second timer around its time; what each cancel was answered."""
    answers: dict[str, Cancelled] = {}
    for n in range(0, 4_000, 20):
        await cluster.until("clock_timestamp() >= $1", first + n * SECOND / 400)
        keys = [f"o-{m}" for m in range(n, n + 20, 2)]
        answers |= dict(zip(keys, await timers.cancel(*keys), strict=True))
    return answers


@pytest.mark.torture
async def test_with_a_million_pending_none_is_late(cluster: Cluster) -> None:
    """At most 2 s, and mostly not at all, on a machine that has nothing else to do."""
    timers = _timers(cluster)
    async with cluster.pool.acquire() as connection:
        await connection.execute("SET statement_timeout = 0", timeout=5)
        await connection.execute(
            "WITH new AS (INSERT INTO timer (id, tenant_id, key, fire_at, actions, metadata)"
            " SELECT gen_random_uuid(), $1, 'far-' || n, now() + interval '1 d' + n * interval '1 ms', '[]',"
            " jsonb_build_object('order', n) FROM generate_series(1, 1000000) AS n RETURNING *)"
            " INSERT INTO job (id, tenant_id, queue, kind, priority, lane, run_at, key)"
            " SELECT id, tenant_id, 'timers', 'fire', 2, $2, fire_at, key FROM new",
            cluster.tenant_id,
            lane_of(cluster.tenant_id),
            timeout=600,
        )
        await connection.execute("RESET statement_timeout")
    await cluster.worker(worker_queues="timers", worker_poll_interval="1s")
    now = await _now(cluster)
    fired = await timers.set(*(timers.new(f"o-{n}", now + 5 * SECOND + n * SECOND / 200) for n in range(4_000)))

    async def all_fired() -> bool:
        return bool(await cluster.pool.fetchval(f"SELECT {_FIRED}", 4_000))

    await wait_until(all_fired, 120, "all are fired")
    late = await cluster.pool.fetchrow(
        "SELECT min(fired_at - fire_at) AS least, max(fired_at - fire_at) AS most,"
        " percentile_disc(0.5) WITHIN GROUP (ORDER BY fired_at - fire_at) AS median FROM timer WHERE status = 'fired'"
    )
    assert late is not None
    assert timedelta(0) <= late["least"] <= late["median"] < SECOND / 10, late
    assert late["most"] <= 2 * SECOND, late
    await timers.assert_told_once(fired)
