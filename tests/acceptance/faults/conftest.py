"""A system of real processes for each scenario."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.cluster import Cluster, open_cluster
from tests.support.nursery import Nursery
from tests.support.outage import own_postgres
from tests.support.postgres import Databases
from tests.support.together import Together

from clarion.dev.postgres import EmbeddedPostgres


@pytest.fixture
def lease() -> str:
    """How long the jobs of a silent worker stay with it. Files in which workers die or live on say otherwise."""
    return "2s"


@pytest.fixture
async def cluster(database: str, nursery: Nursery, tmp_path: Path, lease: str) -> AsyncIterator[Cluster]:
    """A tenant with its workflows on a fresh database; the sink runs, workers are started by the test."""
    async with open_cluster(database, tmp_path, nursery=nursery, worker_lease=lease) as cluster:
        await cluster.sink()
        yield cluster


@pytest.fixture
async def server() -> AsyncIterator[EmbeddedPostgres]:
    """A PostgreSQL of this test alone."""
    async with own_postgres() as server:
        yield server


@pytest.fixture
async def shaky(server: EmbeddedPostgres, nursery: Nursery, tmp_path: Path) -> AsyncIterator[Cluster]:
    """A cluster around it."""
    async with open_cluster(server.url(), tmp_path, nursery=nursery) as cluster:
        await cluster.sink()
        yield cluster


@pytest.fixture
def together(databases: Databases, nursery: Nursery, tmp_path: Path, lease: str) -> Together:
    """Plays scenarios side by side, each with a cluster as above."""
    return Together(databases=databases, nursery=nursery, folder=tmp_path, lease=lease)
