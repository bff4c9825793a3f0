"""From the 202 to the mail at the sink, in a system that has nothing else to do."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from bench.figures import middle, percentile
from bench.mail import booking
from bench.ours.client import Client
from bench.ours.loaded import copy, load
from bench.ours.system import system
from bench.scenario import Sample, Samples, Scenario, Side, Verdict
from bench.servers.timing_sink import TimingSink, timing_sink
from bench.stage import Stage

MOST_MEDIAN_MS = 15.0
MOST_P99_MS = 50.0


class Idle(Side):
    """One trigger at a time, the next a while after the last one's mail."""

    name = "clarion"
    unit = "ms median"

    def __init__(self, triggers: int) -> None:
        self.triggers = triggers

    async def prepare(self, stage: Stage) -> None:
        await load(stage, self.triggers)

    async def run(self, stage: Stage) -> Sample:
        database = await copy(stage, self.triggers)
        async with (
            timing_sink(stage.work) as sink,
            system(stage, database=database, smtp=sink.url) as clarion,
            clarion.worker(),
        ):
            client = clarion.client()
            took = [await _one(client, sink, number) for number in range(self.triggers)]
        # The first mails open connections and compile templates: a system that has just started is not an idle one.
        took = sorted(took[len(took) // 10 :])
        also = {"p99_ms": percentile(took, 99) * 1000, "most_ms": took[-1] * 1000}
        return Sample(value=percentile(took, 50) * 1000, also=also)


async def _one(client: Client, sink: TimingSink, number: int) -> float:
    guest = booking.guest(number)
    accepted = await client.trigger(str(guest["id"]))
    arrived = await sink.arrival(str(guest["email"]), timeout_s=30)
    await asyncio.sleep(0.03 + number % 7 * 0.01)  # not in step with anything that polls
    return arrived - accepted.at


class IdleLatency(Scenario):
    """How soon somebody hears who is the only one to be told."""

    name = "idle"
    title = "idle system: from 202 to the mail at the sink"

    def sides(self, stage: Stage) -> Sequence[Side]:
        return [Idle(50 if stage.quick else 500)]

    def runs(self, stage: Stage, asked: int) -> int:
        return min(asked, 3)

    def judge(self, samples: Samples) -> Sequence[Verdict]:
        if "clarion" not in samples:
            return ()
        typical = middle(samples["clarion"])
        p99 = max(float(sample.also["p99_ms"]) for sample in samples["clarion"])
        return [
            Verdict(goal="median under 15 ms", value=typical, unit="ms", reached=typical < MOST_MEDIAN_MS),
            Verdict(goal="99th percentile under 50 ms", value=p99, unit="ms", reached=p99 < MOST_P99_MS),
        ]
