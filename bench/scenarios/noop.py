"""No-op jobs a second: the cost of the queue itself, ours against the best of the peers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median

from bench.figures import middle, ratio
from bench.scenario import Samples, Scenario, Side, Verdict
from bench.scenarios.peer import NODE, PEERS, Peer
from bench.scenarios.queue_side import Queue
from bench.stage import Stage

GOAL = 3.0
OURS, OURS_SINGLY = "clarion, a list a call", "clarion, a job a call"


class PythonPeer(Peer):
    """A Python queue in an environment of its own."""

    def __init__(self, name: str, peer: str, jobs: int, concurrency: int, *, on: str, said: str) -> None:
        super().__init__(name, "jobs/s", said)
        self.peer = peer
        self.jobs = jobs
        self.concurrency = concurrency
        self.on = on

    async def command(self, stage: Stage) -> Sequence[str | Path]:
        python = await stage.python_for(self.peer)
        given = ["--jobs", str(self.jobs), "--concurrency", str(self.concurrency), "--url", await clean(stage, self.on)]
        return [python, PEERS / f"{self.peer}_noop.py", *given]


class NodePeer(Peer):
    """BullMQ itself."""

    def __init__(self, name: str, jobs: int, concurrency: int, *, on: str, pool: int = 0) -> None:
        said = f"concurrency {concurrency}" + (f", {pool} connections" if pool else "")
        super().__init__(name, "jobs/s", said)
        self.jobs = jobs
        self.concurrency = concurrency
        self.on = on
        self.pool = pool

    async def command(self, stage: Stage) -> Sequence[str | Path]:
        given = ["--jobs", str(self.jobs), "--concurrency", str(self.concurrency), "--url", await clean(stage, self.on)]
        return [(await stage.node()).program, NODE / "noop.js", *given, "--pool", str(self.pool)]


async def clean(stage: Stage, kind: str) -> str:
    """The address of an empty Redis or PostgreSQL."""
    if kind == "redis":
        redis = await stage.redis()
        await redis.clear()
        return redis.url
    return await (await stage.postgres()).fresh("bench_peer")


class Noop(Scenario):
    """The queue's speed with nothing to do. The slow peers get fewer jobs: their rate is steady."""

    name = "noop"
    title = "no-op jobs/s"

    def sides(self, stage: Stage) -> Sequence[Side]:
        many, few = (5_000, 500) if stage.quick else (50_000, 5_000)
        return [
            NodePeer("bullmq (Node) on Redis", many, 100, on="redis"),
            NodePeer("bullmq (Node) on PostgreSQL", few, 50, on="postgres", pool=20),
            PythonPeer(
                "pgqueuer", "pgqueuer", many, 1000, on="postgres", said="asyncpg pool, batches of 1,000, uvloop"
            ),
            Queue(OURS, many),
            Queue(OURS_SINGLY, many, handler="one"),
            PythonPeer(
                "bullmq (Python) on Redis", "bullmq", few, 20, on="redis", said="concurrency 20, hiredis, uvloop"
            ),
            PythonPeer(
                "bullmq (Python) on PostgreSQL", "bullmq", few, 20, on="postgres", said="concurrency 20, uvloop"
            ),
            PythonPeer("arq", "arq", few, 100, on="redis", said="100 jobs at once, hiredis, uvloop, no results kept"),
            PythonPeer("procrastinate", "procrastinate", few, 100, on="postgres", said="concurrency 100, uvloop"),
        ]

    def judge(self, samples: Samples) -> Sequence[Verdict]:
        peers = {name: runs for name, runs in samples.items() if name not in (OURS, OURS_SINGLY)}
        if OURS not in samples or not peers:
            return ()
        best = max(peers, key=lambda name: median([sample.value for sample in peers[name]]))
        times = ratio(samples[OURS], peers[best])
        goal = f"at least 3 times the best peer, which is {best}"
        verdicts = [Verdict(goal=goal, value=times, unit="times", reached=times >= GOAL)]
        if OURS_SINGLY in samples:
            singly = middle(samples[OURS_SINGLY]) / middle(peers[best])
            verdicts.append(Verdict(goal="shown beside it: a job a call", value=singly, unit="times", reached=True))
        return verdicts
