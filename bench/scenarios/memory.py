"""The worker's memory: a million recipients must cost what ten thousand do."""

from __future__ import annotations

from collections.abc import Sequence

from bench.figures import middle
from bench.ours.broadcast import Broadcast
from bench.scenario import Sample, Samples, Scenario, Side, Verdict
from bench.stage import Stage

SMALL, LARGE = "few recipients", "many recipients"
MOST_MB = 80.0
MOST_GROWTH = 1.2


class Resident(Broadcast):
    """A broadcast, looked at for its worker's memory."""

    unit = "MB"

    def __init__(self, name: str, mails: int) -> None:
        super().__init__(mails)
        self.name = name

    async def run(self, stage: Stage) -> Sample:
        sample = await super().run(stage)
        peak = sample.also["rss_mb"]
        assert isinstance(peak, float)
        return Sample(value=peak, also={"recipients": self.mails, "mails_per_s": sample.value})


class Memory(Scenario):
    """Peak resident memory of the worker process."""

    name = "memory"
    title = "worker memory, peak"

    def sides(self, stage: Stage) -> Sequence[Side]:
        return [Resident(SMALL, 10_000), Resident(LARGE, 50_000 if stage.quick else 1_000_000)]

    def runs(self, stage: Stage, asked: int) -> int:
        return 1

    def judge(self, samples: Samples) -> Sequence[Verdict]:
        if SMALL not in samples or LARGE not in samples:
            return ()
        growth = middle(samples[LARGE]) / middle(samples[SMALL])
        most = middle(samples[LARGE])
        return [
            Verdict(goal="the same within 20 %", value=growth, unit="times", reached=growth <= MOST_GROWTH),
            Verdict(goal="under 80 MB at a million", value=most, unit="MB", reached=most < MOST_MB),
        ]
