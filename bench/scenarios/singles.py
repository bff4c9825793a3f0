"""Five hundred triggers a second for one recipient each, for a minute: one API process, one worker process."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from statistics import median

from bench.figures import middle, percentile
from bench.mail import booking
from bench.ours.load import at_rate
from bench.ours.loaded import copy, load
from bench.ours.quick_client import quick_client
from bench.ours.system import KEY, System, system
from bench.scenario import Sample, Samples, Scenario, Side, Verdict
from bench.servers.process import ProgramFailed
from bench.servers.timing_sink import timing_sink
from bench.stage import Stage

PER_S = 500
MOST_MS = 50.0
#: What may wait at the end: a second's worth. More means that the worker does not keep up.
MOST_WAITING = 500.0


class Singles(Side):
    """Each recipient is triggered once, so that every mail can be told from every other."""

    name = "clarion"
    unit = "ms p99"

    def __init__(self, seconds: int) -> None:
        self.count = PER_S * seconds

    async def prepare(self, stage: Stage) -> None:
        await load(stage, self.count)

    async def run(self, stage: Stage) -> Sample:
        database = await copy(stage, self.count)
        async with (
            timing_sink(stage.work) as sink,
            system(stage, database=database, smtp=sink.url) as clarion,
            clarion.worker() as peak,
            quick_client(clarion.port, KEY) as client,
        ):
            guests = [booking.guest(number) for number in range(self.count)]
            depths: list[int] = []
            watching = asyncio.create_task(_watch(clarion, depths))
            answers = await at_rate(
                lambda number: client.trigger(str(guests[number]["id"])), per_s=PER_S, count=self.count
            )
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            if answers.failures:
                raise ProgramFailed(f"{len(answers.failures)} triggers failed: {answers.failures[0]}")
            to_sink = [
                await sink.arrival(str(guest["email"]), timeout_s=10) - answers.meant[number]
                for number, guest in enumerate(guests)
            ]
        also = {
            "median_ms": percentile(answers.latencies, 50) * 1000,
            "to_sink_median_ms": percentile(to_sink, 50) * 1000,
            "to_sink_p99_ms": percentile(to_sink, 99) * 1000,
            "waiting_at_the_end": median(depths[-10:]),
            "rss_mb": peak.rss_mb,
        }
        return Sample(value=percentile(answers.latencies, 99) * 1000, also=also)


async def _watch(clarion: System, depths: list[int]) -> None:
    """How many jobs there are, once a second."""
    while True:
        depths.append(await clarion.count("SELECT count(*) FROM job"))
        await asyncio.sleep(1)


class SingleTriggers(Scenario):
    """Every mail must arrive: a side that loses one has no figure."""

    name = "singles"
    title = "500 single triggers/s for 60 s"

    def sides(self, stage: Stage) -> Sequence[Side]:
        return [Singles(6 if stage.quick else 60)]

    def runs(self, stage: Stage, asked: int) -> int:
        return 1

    def judge(self, samples: Samples) -> Sequence[Verdict]:
        if "clarion" not in samples:
            return ()
        p99 = middle(samples["clarion"])
        waiting = float(samples["clarion"][-1].also["waiting_at_the_end"])
        return [
            Verdict(goal="answered under 50 ms at the 99th percentile", value=p99, unit="ms", reached=p99 < MOST_MS),
            Verdict(goal="backlog not growing", value=waiting, unit="jobs", reached=waiting <= MOST_WAITING),
        ]
