"""The fault scenarios, long: every point with every fault and policy, everything at random. Run by ``make torture``.

``TORTURE_SEED`` repeats one random round, ``TORTURE_ROUNDS`` says how many there are.
"""

from __future__ import annotations

import asyncio
import os
import random

import pytest
from tests.support.chaos import Chaos
from tests.support.cluster import Cluster, people
from tests.support.crashing import ACTIONS, POINTS
from tests.support.oracle import assert_survived, judge
from tests.support.process import Injection

from clarion.dev.postgres import EmbeddedPostgres
from clarion.queue.buried import redrive

pytestmark = pytest.mark.torture

#: Among so many deaths an innocent one may be in hand three times; see test_poison.py for what is promised.
_ENDS = ("sent", "delivered", "failed")
_ROUNDS = int(os.environ.get("TORTURE_ROUNDS", "10"))
#: Those that deliveries pass; test_api_killed.py, test_cancel.py, test_timers.py, test_schedules.py and
#: test_torture_brokers.py have the others.
_OF_WORKERS = sorted(
    point for point in POINTS if not point.startswith(("accept", "repeat", "sweep", "fire", "schedules", "ingest"))
)


@pytest.mark.parametrize("policy", ["mail-retry", "mail-hold"])
@pytest.mark.parametrize("do", ACTIONS)
@pytest.mark.parametrize("at", _OF_WORKERS)
async def test_every_point(cluster: Cluster, at: str, do: str, policy: str) -> None:
    """Three workers in a row come to grief at random passes of one point, among 300 mails and as many feed items."""
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for workflow in (policy, "later" if at.startswith("advance") else "feed"):
        await cluster.topic(workflow, people(workflow, 300))
        await cluster.trigger(workflow, people(workflow, 300), topic=workflow)
    workers = []
    for _ in range(3):
        worker = await cluster.worker(Injection(at, do=do, nth=chance.randrange(1, 12)))
        workers.append(worker)
        await worker.until_struck_or(cluster.is_at_rest)
    await cluster.worker()
    await asyncio.sleep(chance.uniform(0, 4))  # frozen ones go on somewhere in the middle of it
    for worker in workers:
        worker.resume()
    assert workers[0].struck, "nothing went wrong at all"
    await _let_expansions_go_on(cluster)
    await assert_survived(cluster, rest_s=180, ends=_ENDS)
    assert await _condemned(cluster) <= 4, "each of its queues has one suspect at a time in hand"


@pytest.mark.parametrize("number", range(_ROUNDS))
async def test_everything_at_random(cluster: Cluster, number: int) -> None:
    """Processes killed, frozen, stopped and started, connections cut, NOTIFY lost, clocks off, a faulty mail server,
    cancels: a minute long."""
    await _at_random(cluster)


@pytest.mark.parametrize("number", range(_ROUNDS))
async def test_the_database_too_at_random(shaky: Cluster, server: EmbeddedPostgres, number: int) -> None:
    """The same, while the database is stopped at once, its backends are killed and its disk is full."""
    await _at_random(shaky, server)


async def _at_random(cluster: Cluster, server: EmbeddedPostgres | None = None) -> None:
    seed = int(os.environ.get("TORTURE_SEED", random.randrange(10**6)))
    print(f"seed {seed}")
    chaos = Chaos(cluster, random.Random(seed), server)
    await chaos.run(seconds=60)
    print("; ".join(chaos.done))
    await _let_expansions_go_on(cluster)
    findings = await judge(cluster, rest_s=300, ends=[*_ENDS, "cancelled"])
    assert not findings.kinds(), f"seed {seed}\n{findings.table()}\n{cluster.log()}"
    await _condemned(cluster)


async def _let_expansions_go_on(cluster: Cluster) -> None:
    """An innocent page may be in hand three times as well: its trigger stands still, until it is redriven."""
    await cluster.until("NOT EXISTS (SELECT FROM job WHERE tenant_id = $1)", cluster.tenant_id, timeout=300)
    rows = await cluster.pool.fetch(
        "SELECT queue, array_agg(id) AS ids, bool_and(error LIKE 'quarantined: %') AS poison FROM job_buried"
        " WHERE kind <> 'deliver' AND tenant_id = $1 GROUP BY 1",
        cluster.tenant_id,
    )
    async with cluster.pool.acquire() as connection:
        for row in rows:
            print(f"redriven in {row['queue']}: {len(row['ids'])}")
            assert row["poison"]
            await redrive(connection, row["queue"], row["ids"])


async def _condemned(cluster: Cluster) -> int:
    """How many were put away because three workers died with them in hand; nothing fails for another reason."""
    reasons = await cluster.pool.fetch("SELECT reason FROM message WHERE status = 'failed'")
    assert all(row["reason"].startswith("quarantined: ") for row in reasons), reasons
    return len(reasons)
