"""How fast a trigger for a topic of a million is answered while the worker sends flat out."""

from __future__ import annotations

from collections.abc import Sequence

from bench.figures import middle, percentile
from bench.ours.load import at_rate
from bench.ours.loaded import TOPIC, copy, load
from bench.ours.system import system
from bench.scenario import Sample, Samples, Scenario, Side, Verdict
from bench.servers.process import ProgramFailed
from bench.stage import Stage

MOST_MS = 50.0
PER_S = 5.0


class Answered(Side):
    """Triggers to the topic, five a second, beside a broadcast to it."""

    name = "clarion"
    unit = "ms p99"

    def __init__(self, guests: int, triggers: int) -> None:
        self.guests = guests
        self.triggers = triggers

    async def prepare(self, stage: Stage) -> None:
        await load(stage, self.guests)

    async def run(self, stage: Stage) -> Sample:
        sink = await stage.sink()
        database = await copy(stage, self.guests)
        async with system(stage, database=database, smtp=sink.url) as clarion, clarion.worker():
            client = clarion.client()
            before = sink.count
            await client.trigger({"topic": TOPIC})
            await sink.reaches(before + 2_000, timeout_s=60)  # the worker is at full speed
            during = sink.count
            answers = await at_rate(lambda _: client.trigger({"topic": TOPIC}), per_s=PER_S, count=self.triggers)
            sent = sink.count - during
        if answers.failures:
            raise ProgramFailed(f"{len(answers.failures)} triggers failed: {answers.failures[0]}")
        seconds = self.triggers / PER_S
        also = {
            "median_ms": percentile(answers.latencies, 50) * 1000,
            "most_ms": max(answers.latencies) * 1000,
            "mails_per_s_meanwhile": sent / seconds,
        }
        return Sample(value=percentile(answers.latencies, 99) * 1000, also=also)


class BigTrigger(Scenario):
    """Expansion is lazy: the answer must not depend on the topic's size."""

    name = "big-trigger"
    title = "answer to a trigger for a topic of 1,000,000, worker flat out"

    def sides(self, stage: Stage) -> Sequence[Side]:
        return [Answered(50_000, 25) if stage.quick else Answered(1_000_000, 300)]

    def runs(self, stage: Stage, asked: int) -> int:
        return 1

    def judge(self, samples: Samples) -> Sequence[Verdict]:
        if "clarion" not in samples:
            return ()
        p99 = middle(samples["clarion"])
        return [Verdict(goal="under 50 ms at the 99th percentile", value=p99, unit="ms", reached=p99 < MOST_MS)]
