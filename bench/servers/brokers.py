"""RabbitMQ and NATS of the run's own: the servers that the tests start, so that both know one way to do it."""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from tests.support.nats import Nats, nats_server
from tests.support.rabbitmq import RabbitMQ, rabbitmq_server
from tests.support.server import Missing, Server

from bench.servers.process import ProgramFailed, run

S = TypeVar("S", bound=Server)


@asynccontextmanager
async def rabbitmq(work: Path) -> AsyncIterator[RabbitMQ]:
    """One node with nothing in it. Raises `ProgramFailed` where there is none to be started."""
    async with _running(work / "rabbitmq", rabbitmq_server) as server:
        yield server


@asynccontextmanager
async def nats(work: Path) -> AsyncIterator[Nats]:
    """One server with JetStream, nothing in it. Raises `ProgramFailed` where there is none to be started."""
    async with _running(work / "nats", nats_server) as server:
        yield server


@asynccontextmanager
async def _running(folder: Path, make: Callable[[Path], S]) -> AsyncIterator[S]:
    _empty(folder)
    try:
        made = make(folder)
    except Missing as missing:
        raise ProgramFailed(str(missing)) from None
    try:
        async with made.running() as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def version_of_rabbitmq(server: RabbitMQ) -> str:
    """What it says it is."""
    return _version(await server.ctl("version"))


async def version_of_nats(server: Nats) -> str:
    """What its program says it is."""
    return _version(await run([server.command()[0], "--version"], timeout_s=10))


def _version(said: str) -> str:
    found = re.search(r"\d+(\.\d+)+", said)
    return found[0] if found else said.strip()


def _empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
