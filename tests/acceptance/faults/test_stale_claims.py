"""Whoever held a job once must not be taken for a holder of another one that has the same id."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from tests.support.cluster import Cluster, people
from tests.support.oracle import assert_survived
from tests.support.process import Injection
from tests.support.queue import QUEUE, Rig

from clarion.flows.retry import retry
from clarion.queue import buried, settle
from clarion.queue.claim import Claimer
from clarion.store.database import open_pool


@pytest.fixture
async def rig(database: str) -> AsyncIterator[Rig]:
    pool = await open_pool(database, size=2, statement_timeout_s=30, application_name="tests")
    try:
        yield Rig(url=database, pool=pool)
    finally:
        await pool.close()


async def test_a_page_of_an_expansion(cluster: Cluster) -> None:
    """The job of each page has the id of its trigger. Who slept over the first page must not write it again, and must
    not take the job of a later page away from its holder, when it wakes up while that one works.
    """
    guests = people("guest", 45)
    await cluster.topic("guests", guests)
    await cluster.trigger("mail-retry", guests, topic="guests")
    sleeper = await cluster.worker(Injection("expand:page", do="freeze"))
    await sleeper.until_frozen()
    second = await cluster.worker(Injection("expand:page", do="freeze", nth=2), worker_lease="30s")
    await second.until_frozen()
    claims = await cluster.pool.fetch("SELECT state, attempts FROM job WHERE kind = 'expand'")
    assert [tuple(claim) for claim in claims] == [(1, 1)], "the second worker holds the second page, at its first try"
    sleeper.resume()
    await sleeper.stop()
    second.resume()
    await assert_survived(cluster)


async def test_a_message_retried_by_hand(cluster: Cluster) -> None:
    await cluster.sink("at=rcpt,do=reply,code=550")
    await cluster.trigger("mail-retry", people("guest", 1))
    claimer = Claimer("email", worker="sleeper", lease=timedelta(seconds=60))
    worker = await cluster.worker(worker_queues="expand")
    await cluster.until("EXISTS (SELECT FROM job WHERE queue = 'email')")
    async with cluster.pool.acquire() as connection:
        (stale,) = await claimer.claim(connection, 10)
        await settle.bury(connection, {stale: "550"})
        id = await connection.fetchval("UPDATE message SET status = 'failed', reason = '550' RETURNING id")
        await retry(connection, cluster.tenant_id, id, wake=lambda _: None)
        (ours,) = await Claimer("email", worker="w", lease=timedelta(seconds=60)).claim(connection, 10)
        assert ours.id == stale.id
        assert await settle.settle(connection, [stale]) == {id}, "it is not the sleeper's any more"
        assert await settle.settle(connection, [ours]) == set()
    await worker.stop()


async def test_a_buried_job_redriven(rig: Rig) -> None:
    (id,) = await rig.add()
    stale = await rig.claim_one()
    async with rig.pool.acquire() as connection:
        await settle.bury(connection, {stale: "no"})
        await buried.redrive(connection, QUEUE)
    ours = await rig.claim_one()
    assert await rig.settle([stale]) == {id}
    assert await rig.settle([ours]) == set()
