"""Queues of BullMQ for tests: a real Redis, real Node producers of both living major versions."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support import memory
from tests.support.bullmq import Queue
from tests.support.node import Peer, peer
from tests.support.redis import Kind, Redis, redis_server

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
async def redis() -> AsyncIterator[Redis]:
    """The oldest Redis that will do; shared, so not to be hurt."""
    with memory.folder("clarion-tests-") as folder:
        server = redis_server(Path(folder) / "redis")
        await server.start()
        try:
            yield server
        finally:
            await server.stop()


@pytest.fixture(scope="session")
async def node(redis: Redis) -> AsyncIterator[Peer]:
    """A peer with BullMQ 5."""
    async with peer(redis.port, redis.folder) as one:
        yield one


@pytest.fixture
async def queue(redis: Redis, node: Peer) -> AsyncIterator[Queue]:
    """An empty queue with Node on its other side."""
    async with Queue(f"queue-{next(_numbers)}", redis.url, node) as queue:
        yield queue


@pytest.fixture(params=["bullmq", "bullmq-6"])
async def either(request: pytest.FixtureRequest, redis: Redis) -> AsyncIterator[Queue]:
    """As `queue`, but with each of the versions of BullMQ."""
    async with (
        peer(redis.port, redis.folder, request.param) as node,
        Queue(f"queue-{next(_numbers)}", redis.url, node) as queue,
    ):
        yield queue


@pytest.fixture(params=list(Kind))
async def own_redis(request: pytest.FixtureRequest) -> AsyncIterator[Redis]:
    """A Redis that may be killed, of each kind."""
    with memory.folder("clarion-tests-") as folder:
        server = redis_server(Path(folder) / "redis", request.param)
        await server.start()
        try:
            yield server
        finally:
            await server.kill()


@pytest.fixture
async def own_queue(own_redis: Redis) -> AsyncIterator[Queue]:
    """A queue in it."""
    async with (
        peer(own_redis.port, own_redis.folder) as node,
        Queue(f"queue-{next(_numbers)}", own_redis.url, node) as queue,
    ):
        yield queue
