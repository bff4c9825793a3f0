"""Three workers run schedules and are killed at random: each nominal time has run once, with one trigger."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections.abc import Sequence
from datetime import timedelta

import pytest
from tests.support.clock import pass_time
from tests.support.cluster import Cluster
from tests.support.crashing import ACTIONS
from tests.support.oracle import assert_survived
from tests.support.process import Injection

from clarion.domain.schedule import CatchUp, Schedule
from clarion.flows import schedules

MINUTE = timedelta(minutes=1)
KEYS = [f"report-{number}" for number in range(6)]
DO = {
    "trigger": {
        "workflow": "feed",
        "recipients": [{"id": "'ana'", "name": "'Ana'"}],
        "payload": {"words": "data.nominal_at"},
    }
}
#: Nothing is due any more, and nothing that was begun is open.
_CAUGHT_UP = """
    NOT EXISTS (SELECT FROM schedule WHERE next_at <= now() AND tenant_id = $1)
    AND NOT EXISTS (SELECT FROM schedule_run WHERE status = 'pending' AND tenant_id = $1)
"""


@pytest.fixture
def lease(request: pytest.FixtureRequest) -> str:
    """Short, for each death waits for one to run out; for long rounds not so short that a busy machine looks dead."""
    return "4s" if request.node.get_closest_marker("torture") else "1s"


async def _put(cluster: Cluster, *, rest: bool = False) -> None:
    async with cluster.pool.acquire() as connection, connection.transaction():
        given = [Schedule(key=key, cron="* * * * *", catch_up=CatchUp.ALL, most=1_000, actions=[DO]) for key in KEYS]
        if rest:
            for key in KEYS:
                await schedules.delete(connection, cluster.tenant_id, key)
        else:
            await schedules.put(connection, cluster.tenant_id, given, origin="api")


async def test_each_nominal_time_runs_once_whoever_dies(cluster: Cluster) -> None:
    await _rounds(cluster, random.Random(9), 3, ["kill"])


@pytest.mark.torture
async def test_each_nominal_time_runs_once_for_long(cluster: Cluster) -> None:
    """Twelve rounds; workers also stand still past their lease, or meet an error, just before or after a commit."""
    seed = int(os.environ.get("TORTURE_SEED", random.randrange(10**6)))
    print(f"seed {seed}")
    await _rounds(cluster, random.Random(seed), 12, ACTIONS)


async def _rounds(cluster: Cluster, chance: random.Random, count: int, actions: Sequence[str]) -> None:
    """In each, 40 minutes pass; one of three workers is killed, and a fourth does one of *actions* to itself."""
    await _put(cluster)
    workers = [await cluster.worker() for _ in range(3)]
    for number in range(count):
        # None of these jobs is to blame for the deaths of the rounds before: at three it would be put away.
        async with cluster.pool.acquire() as connection, connection.transaction():
            await connection.execute("LOCK TABLE job IN SHARE ROW EXCLUSIVE MODE")  # row by row, it may meet a worker
            await connection.execute("UPDATE job SET rescues = 0")
        await pass_time(cluster.pool, 40 * MINUTE)
        # One comes to grief at a step that it comes to, another dies whenever it happens to.
        at = chance.choice(["schedules:before_commit", "schedules:after_commit"])
        injection = Injection(at, do=chance.choice(actions), nth=chance.randint(1, 3))
        print(injection)
        struck = await cluster.worker(injection)
        runs = 6 * (40 * number + chance.randint(1, 35))
        await cluster.until("(SELECT count(*) FROM schedule_run WHERE tenant_id = $1) >= $2", cluster.tenant_id, runs)
        victim = workers.pop(chance.randrange(3))
        victim.kill()
        await victim.ended()
        workers.append(await cluster.worker())
        if injection.do == "freeze":
            await asyncio.sleep(chance.uniform(0, 4))  # it goes on somewhere in the middle of it
            struck.resume()
        await cluster.until(_CAUGHT_UP, cluster.tenant_id)
        if struck.alive:
            struck.kill()
        assert await struck.ended() == -signal.SIGKILL
    await _put(cluster, rest=True)
    # A message that was in hand when three of them died is put away, as it must be.
    await assert_survived(cluster, ends=["delivered", "failed"])
    assert not await cluster.pool.fetchval(
        "SELECT count(*) FROM message WHERE status = 'failed' AND reason NOT LIKE 'quarantined%'"
    )
    triggers = [row["id"] for row in await cluster.pool.fetch("SELECT id FROM trigger")]
    rows = await cluster.pool.fetch(
        "SELECT schedule_key, array_agg(nominal_at ORDER BY nominal_at) AS times, bool_and(status = 'done') AS done,"
        " count(DISTINCT result -> 'triggers' -> 0) AS triggers, bool_and(ran_at >= due_at) AS on_time"
        " FROM schedule_run WHERE tenant_id = $1 GROUP BY 1",
        cluster.tenant_id,
    )
    assert {row["schedule_key"] for row in rows} == set(KEYS)
    for row in rows:
        times = row["times"]
        assert times == [times[0] + number * MINUTE for number in range(len(times))], "none is missing, none is double"
        assert 40 * count <= len(times) <= 42 * count
        assert row["done"] and row["on_time"] and row["triggers"] == len(times)
    assert len(triggers) == sum(len(row["times"]) for row in rows)
