"""Trouble of all kinds at random between a broker and the workers that read it, while messages come."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from typing import Any

from tests.contract.brokers.harness import Broker
from tests.support.chaos import A_SESSION
from tests.support.cluster import Cluster
from tests.support.process import Injection, NotStarted, Process
from tests.support.wire import Wire

#: The setting that says where each broker is.
_URL = {"RabbitMQ": "amqp_url", "NATS": "nats_url", "Redis": "redis_url"}
#: What is of no use, each for another reason (BAD-INPUT 67).
BAD = (
    b"",
    b"{",
    b"[]",
    b"\xff\xfe",
    b'{"from": "nobody"}',
    b'{"to": {"a": 1}}',
    b'{"to": "not an id, for it has blanks"}',
)
_PUBLISHERS = 3


class BrokerChaos:
    """Publishes, and does what *chance* says; `done` tells what that was. In the end the broker has got all of
    `published`."""

    def __init__(self, cluster: Cluster, broker: Broker, wire: Wire, chance: random.Random) -> None:
        """The workers of *cluster* reach *broker* over *wire* alone."""
        self._cluster = cluster
        self._broker = broker
        self._wire = wire
        self._chance = chance
        self._workers: list[Process] = []
        self._number = 0
        self._unconfirmed: set[str] = set()
        self._over = False
        #: By their ids.
        self.published: dict[str, bytes] = {}
        self.done: list[str] = []

    async def run(self, *, seconds: float) -> None:
        """Cause trouble for so long, then let everything be well again."""
        for _ in range(2):
            await self._start_worker()
        await self._cluster.until("EXISTS (SELECT FROM source_worker WHERE state = 'connected')")
        publishers = [asyncio.create_task(self._publish()) for _ in range(_PUBLISHERS)]
        kinds: list[Callable[[], Awaitable[None]]] = [
            *(self._kill_worker, self._doom_worker, self._doom_worker, self._freeze_worker, self._stop_worker),
            *(self._cut, self._cut, self._lose_acknowledgements, self._freeze_broker, self._kill_broker),
            self._cut_database,
        ]
        end = asyncio.get_running_loop().time() + seconds
        try:
            while asyncio.get_running_loop().time() < end:
                await self._chance.choice(kinds)()
                await asyncio.sleep(self._chance.uniform(0, 1.5))
        finally:
            self._over = True  # not cancelled: a client of a broker may take that for its own
            await asyncio.gather(*publishers)
        for worker in self._workers:
            worker.resume()
        self._over = False
        for id in sorted(self._unconfirmed):
            await self._until_confirmed(id, self.published[id])
        await self._start_worker()

    async def stop(self) -> None:
        """Stop all readers in order: what they have not acknowledged is the broker's again."""
        for worker in self._workers:
            await worker.stop_well()

    async def _start_worker(self, *injections: Injection) -> None:
        url: Any = {_URL[self._broker.server.name]: self._broker.through(self._wire.port)}
        mutations = ["impatient", *self._chance.choice(((), (), ("no_notify",), ("clock_off=3600",)))]
        try:
            worker = await self._cluster.worker(*injections, mutations=mutations, worker_sources="true", **url)
        except NotStarted as error:
            self.done.append(str(error))  # its connection was cut just then: the next one is luckier
        else:
            self._workers = [one for one in self._workers if one.alive] + [worker]

    def _one(self) -> Process | None:
        alive = [worker for worker in self._workers if worker.alive and not worker.frozen]
        return self._chance.choice(alive) if alive else None

    async def _kill_worker(self) -> None:
        if (worker := self._one()) is not None:
            self.done.append(f"kill {worker.name}")
            worker.kill()
            await worker.ended()
        await self._start_worker()

    async def _doom_worker(self) -> None:
        """One that comes to grief just before or after it has committed what came, and another that lives on."""
        at = self._chance.choice(("ingest:before_commit", "ingest:after_commit"))
        injection = Injection(at, do=self._chance.choice(("kill", "freeze")), nth=self._chance.randrange(1, 10))
        self.done.append(f"{injection}")
        await self._start_worker(injection)
        if injection.do == "freeze" and self._workers:
            asyncio.get_running_loop().call_later(self._chance.uniform(2, 8), self._workers[-1].resume)
        await self._start_worker()

    async def _freeze_worker(self) -> None:
        if (worker := self._one()) is not None:
            seconds = self._chance.uniform(0.5, 5)
            self.done.append(f"freeze {worker.name} for {seconds:.1f} s")
            worker.freeze()
            asyncio.get_running_loop().call_later(seconds, worker.resume)

    async def _stop_worker(self) -> None:
        await self._start_worker()
        if (worker := self._one()) is not None:
            self.done.append(f"stop {worker.name}")
            assert await worker.stop_well(), f"{worker.name} did not stop well\n{self._cluster.log()}"

    async def _cut(self) -> None:
        self.done.append("cut the wire")
        self._wire.cut()

    async def _lose_acknowledgements(self) -> None:
        """What workers say to the broker is lost for a while, and then the connection is: it delivers again."""
        self.done.append("lose what workers say")
        self._wire.deaf = True
        await asyncio.sleep(self._chance.uniform(0.2, 1.5))
        self._wire.cut()
        self._wire.deaf = False

    async def _freeze_broker(self) -> None:
        self.done.append("freeze the broker")
        self._broker.server.freeze()
        await asyncio.sleep(self._chance.uniform(0.5, 3))
        self._broker.server.resume()

    async def _kill_broker(self) -> None:
        self.done.append("kill the broker")
        await self._broker.server.kill()
        await asyncio.sleep(self._chance.uniform(0, 1))
        await self._broker.server.start()

    async def _cut_database(self) -> None:
        self.done.append("cut a connection to the database")
        await self._cluster.pool.fetchval(f"SELECT pg_terminate_backend(pid) FROM ({A_SESSION}) AS one")

    async def _publish(self) -> None:
        """One message after the other, each until the broker has confirmed it; some are of no use, some come twice."""
        while not self._over:
            self._number += 1
            id = f"m{self._number:05}"
            bad = self._chance.random() < 0.05
            body = self._chance.choice(BAD) if bad else json.dumps({"to": f"guest-{id}"}).encode()
            self.published[id] = body
            await self._until_confirmed(id, body)
            if self._chance.random() < 0.1:
                again = self._chance.choice(list(self.published))
                await self._until_confirmed(again, self.published[again])

    async def _until_confirmed(self, id: str, body: bytes) -> None:
        self._unconfirmed.add(id)
        while not self._over:
            try:
                async with asyncio.timeout(5):
                    await self._broker.put(body, id=id)
            except (Exception, asyncio.CancelledError) as error:  # whatever its client raises for a broker that is away
                self.done.append(f"{id} again: {type(error).__name__}")
                await asyncio.sleep(0.2)
            else:
                self._unconfirmed.discard(id)
                return
