"""Stopping on purpose, under load: nothing is lost, nothing comes twice, and no attempt is spent (PROMISES P12)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.support.cluster import Cluster, people
from tests.support.oracle import assert_survived
from tests.support.wait import wait_until


@pytest.fixture
def lease() -> str:
    return "20s"  # nobody dies here, and no busy machine must make it seem so


_ATTEMPTS = "SELECT max(attempts) FROM message"


async def test_a_worker_that_is_stopped_finishes_what_it_began(cluster: Cluster) -> None:
    await cluster.topic("guests", people("guest", 300))
    await cluster.trigger("both", people("guest", 300), topic="guests")
    worker = await cluster.worker()
    await _more_than(cluster, 20)
    assert await worker.stop() == 0
    assert await cluster.pool.fetchval("SELECT count(*) FROM message WHERE status = 'sending'") == 0
    assert await cluster.pool.fetchval("SELECT count(*) FROM job WHERE state = 1") == 0
    await cluster.worker()
    findings = await assert_survived(cluster)
    assert (findings.labelled, findings.repeated) == (0, 0)
    assert "job.rescued" not in cluster.log()
    assert await cluster.pool.fetchval(_ATTEMPTS) == 1


async def test_rolling_restarts_under_load(cluster: Cluster) -> None:
    await _rolling_restarts(cluster, 3)


@pytest.mark.torture
async def test_a_hundred_rolling_restarts_under_load(cluster: Cluster) -> None:
    await _rolling_restarts(cluster, 100)


async def _rolling_restarts(cluster: Cluster, count: int) -> None:
    worker = await cluster.worker()
    async with _load(cluster):
        for _ in range(count):
            next_one = await cluster.worker()
            taken = len(cluster.receipts())
            await _more_than(cluster, taken + 10)
            assert await worker.stop() == 0
            worker = next_one
    findings = await assert_survived(cluster)
    assert (findings.labelled, findings.repeated) == (0, 0)
    assert "job.rescued" not in cluster.log()
    assert await cluster.pool.fetchval(_ATTEMPTS) == 1
    assert await cluster.pool.fetchval("SELECT count(*) FROM attempt WHERE status <> 'accepted'") == 0


async def _more_than(cluster: Cluster, mails: int) -> None:
    await wait_until(lambda: len(cluster.receipts()) > mails, 30, f"more than {mails} mails are taken")


@asynccontextmanager
async def _load(cluster: Cluster) -> AsyncIterator[None]:
    """Triggers come in, one after the other, until the block ends."""

    async def come() -> None:
        number = 0
        while True:
            number += 1
            await cluster.trigger("both", people(f"load{number}-", 5))
            await asyncio.sleep(0.02)

    load = asyncio.create_task(come())
    try:
        yield
    finally:
        load.cancel()
        await asyncio.gather(load, return_exceptions=True)
