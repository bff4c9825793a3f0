"""The stage: everything that measurements stand on, started when first asked for, ended with the run."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from bench.servers import counting_sink, node, postgres, redis, venv

if TYPE_CHECKING:
    from tests.support.nats import Nats
    from tests.support.rabbitmq import RabbitMQ

ROOT = Path(__file__).parent.parent
WORK = Path(__file__).parent / ".work"


class Stage:
    """Opens itself on *stack*; `quick` runs are small, to see that all of it works."""

    def __init__(self, stack: AsyncExitStack, *, quick: bool, work: Path = WORK) -> None:
        self._stack = stack
        self.quick = quick
        self.work = work
        #: Databases with recipients in them that were made in this run, by name.
        self.loaded: set[str] = set()
        self._redis: redis.Redis | None = None
        self._postgres: postgres.Postgres | None = None
        self._sink: counting_sink.CountingSink | None = None
        self._node: node.Node | None = None
        self._rabbitmq: RabbitMQ | None = None
        self._nats: Nats | None = None
        self._versions: dict[str, object] = {}

    async def redis(self) -> redis.Redis:
        """The Redis of the run."""
        if self._redis is None:
            self._redis = await self._stack.enter_async_context(redis.redis(self.work))
        return self._redis

    async def postgres(self) -> postgres.Postgres:
        """The PostgreSQL of the run."""
        if self._postgres is None:
            self._postgres = await self._stack.enter_async_context(postgres.postgres(self.work))
        return self._postgres

    async def sink(self) -> counting_sink.CountingSink:
        """The sink of the run that counts."""
        if self._sink is None:
            self._sink = await self._stack.enter_async_context(counting_sink.counting_sink(self.work))
        return self._sink

    async def node(self) -> node.Node:
        """Node, with the peers' packages."""
        if self._node is None:
            self._node = await node.node(self.work)
        return self._node

    async def rabbitmq(self) -> RabbitMQ:
        """The RabbitMQ of the run. Raises `ProgramFailed` where there is none."""
        from bench.servers import brokers

        if self._rabbitmq is None:
            self._rabbitmq = await self._stack.enter_async_context(brokers.rabbitmq(self.work))
            self._versions["rabbitmq"] = await brokers.version_of_rabbitmq(self._rabbitmq)
        return self._rabbitmq

    async def nats(self) -> Nats:
        """The NATS of the run. Raises `ProgramFailed` where there is none."""
        from bench.servers import brokers

        if self._nats is None:
            self._nats = await self._stack.enter_async_context(brokers.nats(self.work))
            self._versions["nats"] = {
                "version": await brokers.version_of_nats(self._nats),
                "sync_interval": "always",
            }
        return self._nats

    async def python_for(self, peer: str) -> Path:
        """The interpreter of a Python peer's environment."""
        return await venv.python_for(peer, self.work)

    def facts(self) -> dict[str, object]:
        """What was started, with versions: a figure without them says little."""
        facts = dict(self._versions)
        if self._postgres:
            facts["postgresql"] = self._postgres.facts
        if self._redis:
            facts["redis"] = {"version": self._redis.version, "appendfsync": "everysec"}
        if self._node:
            facts["node"] = self._node.version
        if self._sink:
            facts["sink"] = self._sink.name
        return facts
