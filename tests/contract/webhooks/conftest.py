"""One house for all tests of webhooks of recipients."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.support.endpoint import EndpointServer
from tests.support.hooks import HOST, open_hooks
from tests.support.house import House
from tests.support.postgres import Databases


@pytest.fixture(scope="package")
async def house(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with databases.migrated() as url, open_hooks(url, tmp_path_factory.mktemp("hooks")) as house:
        yield house
        await house.check()


@pytest.fixture
async def server() -> AsyncIterator[EndpointServer]:
    """A receiver that takes everything until told otherwise."""
    async with EndpointServer(host=HOST) as server:
        yield server
