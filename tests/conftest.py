"""What every test may ask for: databases on a real PostgreSQL, and a check that nothing is left behind."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping
from pathlib import Path

import psutil
import pytest
import uvloop
from tests.support import memory
from tests.support.leftovers import Leftovers
from tests.support.nats import Nats, nats_server
from tests.support.nursery import Nursery, close_shared, shared
from tests.support.postgres import Databases, Kind, Servers
from tests.support.rabbitmq import RabbitMQ, rabbitmq_server
from tests.support.redis import Redis, redis_server
from tests.support.server import Missing


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Tests run on the event loop that Clarion runs on."""
    return {"uvloop": uvloop.new_event_loop}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The long scenarios run only when they are asked for: ``-m torture``."""
    if "torture" in config.option.markexpr:
        return
    long = [item for item in items if item.get_closest_marker("torture")]
    config.hook.pytest_deselected(items=long)
    items[:] = [item for item in items if item not in long]


def pytest_collection_finish() -> None:
    """What was imported and collected stays: the collector of garbage need not look at it again and again."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None]:
    """Skip a test whose fixtures need a program that is not here."""
    yield from _skipping()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None]:
    """Skip a test that needs a program that is not here."""
    yield from _skipping()


def _skipping() -> Generator[None]:
    try:
        yield
    except Missing as missing:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(missing))


@pytest.fixture(scope="session")
async def servers() -> AsyncIterator[Servers]:
    """The session's PostgreSQL servers by kind; `await servers.get(kind)` gives its databases.

    They live in a short path of their own: the address of a Unix socket has some hundred characters.
    """
    with memory.folder("clarion-tests-") as folder:
        servers = Servers(Path(folder))
        try:
            yield servers
        finally:
            await servers.close()


@pytest.fixture(scope="session")
async def databases(servers: Servers) -> Databases:
    """The databases of the server that tests use unless they ask for another: the embedded one.

    `CLARION_TEST_DATABASE_URL` names another server; its role must be allowed to create databases.
    """
    return await servers.get(Kind.EMBEDDED_18)


@pytest.fixture(scope="session")
def nursery() -> Nursery:
    """Where clusters have their processes from."""
    return shared()


@pytest.fixture(scope="session")
async def postgres_url(databases: Databases) -> str:
    """A database on the session's server whose role may create others."""
    return databases.url


@pytest.fixture
async def empty_database(databases: Databases) -> AsyncIterator[str]:
    """The URL of a fresh database with nothing in it."""
    async with databases.empty() as url:
        yield url


@pytest.fixture
async def database(databases: Databases) -> AsyncIterator[str]:
    """The URL of a fresh database with Clarion's schema."""
    async with databases.migrated() as url:
        yield url


@pytest.fixture(scope="session")
async def session_rabbitmq() -> AsyncIterator[RabbitMQ]:
    """The session's RabbitMQ, started when first asked for."""
    with memory.folder("clarion-tests-") as folder:
        async with rabbitmq_server(Path(folder)).running() as server:
            yield server


@pytest.fixture
async def rabbitmq(session_rabbitmq: RabbitMQ) -> RabbitMQ:
    """A RabbitMQ that runs, whatever the test before did to it. Tests share it, so each has queues of its own."""
    await session_rabbitmq.start()
    return session_rabbitmq


@pytest.fixture(scope="session")
async def session_nats() -> AsyncIterator[Nats]:
    """The session's NATS server, started when first asked for."""
    with memory.folder("clarion-tests-") as folder:
        async with nats_server(Path(folder)).running() as server:
            yield server


@pytest.fixture
async def nats(session_nats: Nats) -> Nats:
    """A NATS server that runs, whatever the test before did to it. Tests share it, so each has streams of its own."""
    await session_nats.start()
    return session_nats


@pytest.fixture(scope="session")
async def session_redis() -> AsyncIterator[Redis]:
    """The session's Redis, started when first asked for: the oldest that BullMQ wants."""
    with memory.folder("clarion-tests-") as folder:
        async with redis_server(Path(folder) / "redis").running() as server:
            yield server


@pytest.fixture
async def redis(session_redis: Redis) -> Redis:
    """A Redis that runs, whatever the test before did to it. Tests share it, so each has queues of its own."""
    await session_redis.start()
    return session_redis


@pytest.fixture(scope="session")
async def leftovers() -> AsyncIterator[Leftovers]:
    """What sees to it that tests leave nothing behind; what they share ends with it."""
    yield Leftovers(asyncio.get_running_loop(), expected=_may_stay)
    close_shared()


@pytest.fixture(autouse=True)
def no_leftovers(leftovers: Leftovers) -> Iterator[None]:
    """Fail a test that leaves tasks or processes behind."""
    leftovers.begin()
    yield
    leftovers.check()


def _may_stay(process: psutil.Process) -> bool:
    """Whether it belongs to the session's servers: it names their folder."""
    try:
        return any("clarion-tests-" in word for word in process.cmdline())
    except psutil.NoSuchProcess:
        return True  # it has just ended
