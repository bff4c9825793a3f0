"""Each test of the queue runs on every kind of server."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.support.postgres import Kind, Servers
from tests.support.queue import Rig

from clarion.store.database import open_pool


@pytest.fixture(scope="session", params=list(Kind), ids=str)
async def one_server(request: pytest.FixtureRequest, servers: Servers) -> AsyncIterator[Rig]:
    """A database on the server of this kind, with a pool as workers have it."""
    databases = await servers.get(request.param)
    async with databases.migrated() as url:
        pool = await open_pool(url, size=20, statement_timeout_s=30, application_name="tests")
        try:
            yield Rig(url=url, pool=pool)
        finally:
            await pool.close()


@pytest.fixture
async def rig(one_server: Rig) -> Rig:
    """The same with an empty queue."""
    await one_server.empty()
    return one_server
