"""Messages a second from a broker to committed triggers, beside what taking them costs without anything else."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from bench.figures import middle, ratio
from bench.ours.arriving import BROKERS, Broker
from bench.ours.taken_in import TakenIn
from bench.scenario import Samples, Scenario, Side, Verdict
from bench.scenarios.noop import NodePeer, PythonPeer
from bench.scenarios.peer import PEERS, Peer
from bench.stage import Stage

OURS, ADAPTER = "clarion, to committed triggers", "clarion, the source alone"
ALL = "clarion, expanding the triggers too"


class Adapter(Peer):
    """Our source in a process of its own: taken and acknowledged, nothing done."""

    def __init__(self, broker: Broker, count: int) -> None:
        super().__init__(ADAPTER, "messages/s", "lists of at most 500, uvloop")
        self.broker = broker
        self.count = count

    async def command(self, stage: Stage) -> Sequence[str | Path]:
        url = await self.broker.url(stage)
        await self.broker.fill(url, self.count)
        given = ["--kind", self.broker.kind, "--url", url, "--jobs", str(self.count)]
        return [sys.executable, "-m", "bench.ours.adapter", *given]


class Client(Peer):
    """The broker's client by itself, on the same queue, from our own environment: the same versions."""

    def __init__(self, broker: Broker, count: int, name: str, concurrency: int, said: str) -> None:
        super().__init__(name, "messages/s", said)
        self.broker = broker
        self.count = count
        self.concurrency = concurrency

    async def command(self, stage: Stage) -> Sequence[str | Path]:
        url = await self.broker.url(stage)
        await self.broker.fill(url, self.count)
        given = ["--jobs", str(self.count), "--concurrency", str(self.concurrency), "--url", url]
        return [sys.executable, PEERS / f"{self.broker.kind}_client.py", *given]


class _TakingIn(Scenario):
    """What they share: the goal is on what is committed."""

    goal: float | None = None

    def judge(self, samples: Samples) -> Sequence[Verdict]:
        if OURS not in samples or self.goal is None:
            return ()
        rate = middle(samples[OURS])
        goal = f"at least {self.goal:,.0f} a second committed, one process"
        return [Verdict(goal=goal, value=rate, unit="messages/s", reached=rate >= self.goal)]


class FromRabbitMQ(_TakingIn):
    """A durable quorum queue."""

    name = "rabbitmq"
    title = "messages/s from RabbitMQ"
    goal = 5_000

    def sides(self, stage: Stage) -> Sequence[Side]:
        broker, count = BROKERS["rabbitmq"], 5_000 if stage.quick else 50_000
        said = "prefetch 1,000, an ack for each 500, uvloop"
        return [
            Client(broker, count, "aio-pika alone", 1000, said),
            Adapter(broker, count),
            TakenIn(broker, count, OURS),
            TakenIn(broker, count, ALL, words=("--queues", "expand")),
        ]


class FromNats(_TakingIn):
    """A stream of JetStream, written through to the disk."""

    name = "nats"
    title = "messages/s from NATS JetStream"
    goal = 8_000

    def sides(self, stage: Stage) -> Sequence[Side]:
        broker, count = BROKERS["nats"], 5_000 if stage.quick else 50_000
        return [
            Client(broker, count, "nats-py alone", 500, "fetches of 500, uvloop"),
            Adapter(broker, count),
            TakenIn(broker, count, OURS),
            TakenIn(broker, count, ALL, words=("--queues", "expand")),
        ]


class FromBullMQ(_TakingIn):
    """Jobs of a queue of BullMQ, against those who work on such queues otherwise."""

    name = "bullmq"
    title = "jobs/s from a queue of BullMQ"

    def sides(self, stage: Stage) -> Sequence[Side]:
        broker, count, few = BROKERS["bullmq"], 5_000 if stage.quick else 50_000, 500 if stage.quick else 5_000
        said = "concurrency 20, hiredis, uvloop"
        return [
            NodePeer("bullmq (Node), jobs that do nothing", count, 100, on="redis"),
            PythonPeer("bullmq (Python), jobs that do nothing", "bullmq", few, 20, on="redis", said=said),
            Adapter(broker, count),
            TakenIn(broker, count, OURS),
        ]

    def judge(self, samples: Samples) -> Sequence[Verdict]:
        verdicts = []
        for name, runs in samples.items():
            if name.startswith("bullmq") and OURS in samples:
                goal = f"shown beside it: the rate of {name}"
                verdicts.append(Verdict(goal=goal, value=ratio(samples[OURS], runs), unit="times", reached=True))
        return verdicts
