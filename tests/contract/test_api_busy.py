"""A database that is too busy to answer in time: a request gets 503 and is told when to come again, never 500."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest
from structlog.testing import capture_logs
from tests.support.api import Api, open_api
from tests.support.timers import Timers

from clarion import clock
from clarion.store.database import open_pool

COUNT = 2_000
PATHS = ("/v1/queues/timers", "/v1/queues", "/v1/queues/timers/jobs", "/v1/timers", "/metrics")


@pytest.fixture
async def api(database: str) -> AsyncIterator[Api]:
    async with open_api(database, patience_s=0.5) as api:
        yield api


@pytest.mark.parametrize("path", PATHS)
async def test_a_statement_that_takes_too_long(api: Api, path: str) -> None:
    async with AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(api.pool.acquire()) for _ in range(api.pool.get_size())]
        for connection in connections:
            await connection.execute("SET statement_timeout = '100ms'")
        await stack.aclose()
        other = await stack.enter_async_context(api.pool.acquire())
        await other.execute("SET statement_timeout = 0")
        async with other.transaction():
            await other.execute("LOCK TABLE job, timer IN ACCESS EXCLUSIVE MODE")
            with capture_logs() as logs:
                reply = await api.call("GET", path)
        assert (reply.status, reply.code, reply.headers.get("retry-after")) == (503, "unavailable", "1")
        assert [line["error"] for line in logs if line["event"] == "http.database_away"] == ["QueryCanceledError"]
    assert (await api.call("GET", path)).status == 200


async def test_a_pool_that_has_no_connection_left(api: Api) -> None:
    assert (await api.call("GET", PATHS[0])).status == 200  # the key is known now
    async with AsyncExitStack() as stack:
        for _ in range(api.pool.get_size()):
            await stack.enter_async_context(api.pool.acquire())
        reply = await api.call("GET", PATHS[0])
    assert (reply.status, reply.code, reply.headers.get("retry-after")) == (503, "unavailable", "1")


async def test_queues_are_told_while_timers_are_set_and_fire(api: Api, database: str) -> None:
    """Whoever looks at them meanwhile gets an answer; where the database is too busy, one that says so."""
    done, statuses = asyncio.Event(), Counter[int]()

    async def look(path: str) -> None:
        while not done.is_set():
            statuses[(await api.call("GET", path)).status] += 1

    pool = await open_pool(database, size=4, statement_timeout_s=30, application_name="test")
    async with pool, asyncio.TaskGroup() as tasks:
        timers = Timers(pool=pool, tenant=api.tenants["one"])
        for path in PATHS:
            tasks.create_task(look(path))
        try:
            for first in range(0, COUNT, 200):
                now = clock.now()
                await timers.set(
                    *(timers.new(f"o-{n}", now + timedelta(milliseconds=n % 1_000)) for n in range(first, first + 200))
                )
                await timers.run()
            async with asyncio.timeout(60):
                while await pool.fetchval("SELECT count(*) FROM timer WHERE status = 'pending'"):
                    await timers.run()
        finally:
            done.set()
    assert statuses[200] > 20, statuses
    assert statuses.keys() <= {200, 503}, statuses
