"""What an example plays on: servers, Node programs and Clarion itself, all of which end with it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.node import node_with
from tests.support.server import Server

from examples import servers
from examples.peer import Peer
from examples.system import Clarion

HOME = Path(__file__).parent


class Stage:
    """One example's: use it with ``async with``. All that is written is below *folder*, all listens on 127.0.0.1.

    What a machine does not have raises `Missing`.
    """

    def __init__(self, folder: Path, tell: Callable[[str], None] = lambda _: None) -> None:
        """*folder* should have a short path; *tell* hears what takes long."""
        self.folder = folder
        self.tell = tell
        self._servers: dict[str, Server] = {}
        self._clarions = 0
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def redis(self) -> Server:
        """Redis, started: its `url`, and `kill`, `start` and more where it is ours."""
        if "CLARION_REDIS_URL" not in self._servers:
            await self._open("CLARION_REDIS_URL", servers.redis(self.folder / "redis"))
        return self._servers["CLARION_REDIS_URL"]

    async def nats(self) -> Server:
        """NATS with JetStream, started."""
        if "CLARION_NATS_URL" not in self._servers:
            await self._open("CLARION_NATS_URL", servers.nats(self.folder / "nats"))
        return self._servers["CLARION_NATS_URL"]

    async def rabbitmq(self) -> Server:
        """RabbitMQ, started."""
        if "CLARION_AMQP_URL" not in self._servers:
            await self._open("CLARION_AMQP_URL", await servers.rabbitmq(self.folder / "rabbitmq", self.tell))
        return self._servers["CLARION_AMQP_URL"]

    def urls(self) -> dict[str, str]:
        """Addresses of the servers that were asked for, under the names of Clarion's settings."""
        return {name: server.url for name, server in self._servers.items()}

    async def node(self, script: str, *args: object, env: Mapping[str, str] | None = None) -> Peer:
        """A Node program, such as ``hotel-mailer/peers/producer.js``; it finds the servers as Clarion does."""
        node = await node_with(HOME)
        peer = await Peer.start(node, HOME / script, *args, env={**self.urls(), **(env or {})})
        self._stack.push_async_callback(peer.stop)
        return peer

    @asynccontextmanager
    async def clarion(
        self, project: str, env: Mapping[str, str] | None = None, *arguments: object
    ) -> AsyncIterator[Clarion]:
        """`clarion up` on the project folder ``examples/<project>``, connected to the servers that were asked for."""
        self._clarions += 1
        folder = self.folder / f"clarion-{self._clarions}"
        async with Clarion(HOME / project, folder, {**self.urls(), **(env or {})}, *arguments) as one:
            yield one

    async def _open(self, name: str, server: Server) -> None:
        # Also RabbitMQ's `close`: it has a helper process of its own.
        self._stack.push_async_callback(getattr(server, "close", server.stop))
        await server.start()
        self._servers[name] = server
