"""A system of real processes for each scenario."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.cluster import Cluster, open_cluster


@pytest.fixture
async def cluster(database: str, tmp_path: Path) -> AsyncIterator[Cluster]:
    """A tenant with its workflows on a fresh database; the sink runs, workers are started by the test."""
    async with open_cluster(database, tmp_path) as cluster:
        await cluster.sink()
        yield cluster
