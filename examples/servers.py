"""The servers of an example: one that runs already, by its address, or one of our own in the example's folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.support.nats import nats_server
from tests.support.rabbitmq import RabbitMQ
from tests.support.redis import redis_server
from tests.support.server import Missing, Server, missing, program, run

#: How long a package manager may take, in seconds.
_INSTALL_S = 600.0


class Given(Server):
    """One that somebody else started, and that an example neither stops nor kills."""

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self._url = url

    @property
    def url(self) -> str:
        return self._url

    def command(self) -> list[str]:
        raise Missing(f"{self.name} is not ours to start")

    @property
    def alive(self) -> bool:
        return False  # not ours: so nothing is ever sent to it

    async def start(self) -> None:
        """It runs already."""

    async def kill(self) -> None:
        raise Missing(f"{self.name} of your own, which must not be killed; without its address, one is started")

    async def stop(self) -> None:
        """It goes on."""


def redis(folder: Path) -> Server:
    """Redis. Raises `Missing`."""
    return _given("Redis", "CLARION_REDIS_URL") or redis_server(folder)


def nats(folder: Path) -> Server:
    """NATS with JetStream. Raises `Missing`."""
    return _given("NATS", "CLARION_NATS_URL") or nats_server(folder)


async def rabbitmq(folder: Path, tell: Callable[[str], None]) -> Server:
    """RabbitMQ, installed where that can be done without asking. Raises `Missing`."""
    if given := _given("RabbitMQ", "CLARION_AMQP_URL"):
        return given
    if not RabbitMQ.is_here():
        await _install(tell)
    if not RabbitMQ.is_here():
        missing("RabbitMQ", "install the package rabbitmq-server, or name one in CLARION_AMQP_URL")
    return RabbitMQ(folder)


def _given(name: str, variable: str) -> Server | None:
    url = os.environ.get(variable)
    return Given(name, url) if url else None


async def _install(tell: Callable[[str], None]) -> None:
    """By apt as root, or by brew; does nothing where there is neither."""
    commands: list[list[str]] = []
    if shutil.which("apt-get") and os.geteuid() == 0:
        commands = [["apt-get", "update", "-qq"], ["apt-get", "install", "-qq", "-y", "rabbitmq-server"]]
    elif brew := program("brew"):
        commands = [[str(brew), "install", "--quiet", "rabbitmq"]]
    try:
        for command in commands:
            tell(f"RabbitMQ is not here: {' '.join(command)}")
            await run(command, {"DEBIAN_FRONTEND": "noninteractive"}, _INSTALL_S)
    except (AssertionError, TimeoutError) as error:
        raise Missing(f"RabbitMQ could not be installed: {str(error).strip().splitlines()[-1:]}") from None
