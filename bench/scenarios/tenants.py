"""A small tenant's single triggers beside another tenant's million: nobody may stand in the way of others."""

from __future__ import annotations

from collections.abc import Sequence

from bench.figures import percentile, ratio
from bench.mail import booking
from bench.ours.client import Client
from bench.ours.load import at_rate
from bench.ours.loaded import TOPIC, copy, load
from bench.ours.system import system
from bench.scenario import Sample, Samples, Scenario, Side, Verdict
from bench.servers.process import ProgramFailed
from bench.servers.timing_sink import TimingSink, timing_sink
from bench.stage import Stage

ALONE, BESIDE = "alone", "beside the million"
PER_S = 10.0
MOST = 3.0
PREFIX = "small"


class Small(Side):
    """The small tenant's triggers, ten a second; the time from each call's moment to its mail at the sink."""

    unit = "ms p99"

    def __init__(self, name: str, guests: int, triggers: int, *, beside: bool) -> None:
        self.name = name
        self.guests = guests
        self.triggers = triggers
        self.beside = beside

    async def prepare(self, stage: Stage) -> None:
        await load(stage, self.guests)

    async def run(self, stage: Stage) -> Sample:
        database = await copy(stage, self.guests)
        async with (
            timing_sink(stage.work, only=f"{PREFIX}-") as sink,
            system(stage, database=database, smtp=sink.url) as clarion,
        ):
            small = await clarion.tenant("small")
            await small.load(TOPIC, self.triggers, prefix=PREFIX)
            async with clarion.worker():
                if self.beside:
                    await clarion.client().trigger({"topic": TOPIC})
                    await sink.has(2_000, timeout_s=60)  # the broadcast is at full speed
                before = sink.count
                took = await _times(small, sink, self.triggers)
                others = sink.count - before - self.triggers
        also = {
            "median_ms": percentile(took, 50) * 1000,
            "most_ms": max(took) * 1000,
            "others_mails_per_s": others / (self.triggers / PER_S),
        }
        return Sample(value=percentile(took, 99) * 1000, also=also)


async def _times(small: Client, sink: TimingSink, triggers: int) -> list[float]:
    guests = [booking.guest(number, PREFIX) for number in range(triggers)]
    answers = await at_rate(lambda number: small.trigger(str(guests[number]["id"])), per_s=PER_S, count=triggers)
    if answers.failures:
        raise ProgramFailed(f"{len(answers.failures)} triggers failed: {answers.failures[0]}")
    return [
        await sink.arrival(str(guest["email"]), timeout_s=60) - answers.meant[number]
        for number, guest in enumerate(guests)
    ]


class Tenants(Scenario):
    """Fairness between tenants."""

    name = "tenants"
    title = "a small tenant beside another's 1,000,000"

    def sides(self, stage: Stage) -> Sequence[Side]:
        guests, triggers = (50_000, 50) if stage.quick else (1_000_000, 400)
        return [Small(ALONE, guests, triggers, beside=False), Small(BESIDE, guests, triggers, beside=True)]

    def runs(self, stage: Stage, asked: int) -> int:
        return 1

    def judge(self, samples: Samples) -> Sequence[Verdict]:
        if ALONE not in samples or BESIDE not in samples:
            return ()
        times = ratio(samples[BESIDE], samples[ALONE])
        goal = "99th percentile under 3 times that of an idle system"
        return [Verdict(goal=goal, value=times, unit="times", reached=times < MOST)]
