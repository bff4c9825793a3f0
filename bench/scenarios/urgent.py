"""A hundred urgent messages a second while a million of a broadcast wait: what is urgent must not notice them."""

from __future__ import annotations

from collections.abc import Sequence

from bench.figures import percentile, ratio
from bench.mail import booking, project
from bench.ours.load import at_rate
from bench.ours.loaded import TOPIC, copy, load
from bench.ours.quick_client import quick_client
from bench.ours.system import KEY, System, system
from bench.scenario import Sample, Samples, Scenario, Side, Verdict
from bench.servers.process import ProgramFailed
from bench.servers.timing_sink import TimingSink, timing_sink
from bench.stage import Stage

ALONE, BESIDE = "alone", "beside the million"
PER_S = 100.0
MOST = 2.0
PREFIX = "urgent"


class Urgent(Side):
    """Each from its 202 to the sink. Of the same tenant as the broadcast, so that no lane keeps them apart."""

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
        folder = project.write_urgent(stage.work / "project-urgent")
        async with (
            timing_sink(stage.work, only=f"{PREFIX}-") as sink,
            system(stage, database=database, smtp=sink.url, folder=folder) as clarion,
        ):
            await clarion.client().load(PREFIX, self.triggers, prefix=PREFIX)
            async with clarion.worker():
                if self.beside:
                    await clarion.client().trigger({"topic": TOPIC})
                    await sink.has(2_000, timeout_s=60)  # the broadcast is at full speed
                before = sink.count
                took = await _times(clarion, sink, self.triggers)
                others = sink.count - before - self.triggers
        also = {
            "median_ms": percentile(took, 50) * 1000,
            "most_ms": max(took) * 1000,
            "others_mails_per_s": others / (self.triggers / PER_S),
        }
        return Sample(value=percentile(took, 99) * 1000, also=also)


async def _times(clarion: System, sink: TimingSink, triggers: int) -> list[float]:
    guests = [booking.guest(number, PREFIX) for number in range(triggers)]
    async with quick_client(clarion.port, KEY, project.URGENT) as client:
        for_one = [str(guest["id"]) for guest in guests]
        answers = await at_rate(lambda number: client.trigger(for_one[number]), per_s=PER_S, count=triggers)
    if answers.failures:
        raise ProgramFailed(f"{len(answers.failures)} triggers failed: {answers.failures[0]}")
    # Some are at the sink before their 202 is here: they took no time.
    return [
        max(await sink.arrival(str(guest["email"]), timeout_s=60) - answers.answered[number], 0.0)
        for number, guest in enumerate(guests)
    ]


class UrgentBesideMany(Scenario):
    """Priority lanes."""

    name = "urgent"
    title = "100 urgent mails/s beside a broadcast to 1,000,000"

    def sides(self, stage: Stage) -> Sequence[Side]:
        guests, triggers = (50_000, 500) if stage.quick else (1_000_000, 3_000)
        return [Urgent(ALONE, guests, triggers, beside=False), Urgent(BESIDE, guests, triggers, beside=True)]

    def runs(self, stage: Stage, asked: int) -> int:
        return min(asked, 3)

    def judge(self, samples: Samples) -> Sequence[Verdict]:
        if ALONE not in samples or BESIDE not in samples:
            return ()
        times = ratio(samples[BESIDE], samples[ALONE])
        goal = "99th percentile under 2 times that of an idle system"
        return [Verdict(goal=goal, value=times, unit="times", reached=times < MOST)]
