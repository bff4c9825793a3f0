"""The queue over a backlog of a million, drained whole, and with an old snapshot held all the while."""

from __future__ import annotations

from collections.abc import Sequence

from bench.figures import middle, ratio
from bench.scenario import Sample, Samples, Scenario, Side, Verdict
from bench.scenarios.queue_side import Queue
from bench.stage import Stage

SMALL, LARGE, OLD = "10,000", "long backlog", "long backlog, old snapshot held"


class Repeated(Queue):
    """A drain of 10,000 takes a fifth of a second: its median of five is steadier."""

    async def run(self, stage: Stage) -> Sample:
        samples = [await super(Repeated, self).run(stage) for _ in range(5)]
        return Sample(value=middle(samples), also=samples[-1].also)


class Backlog(Scenario):
    """Speed must not depend on how much waits."""

    name = "backlog"
    title = "no-op jobs/s over a backlog"

    def sides(self, stage: Stage) -> Sequence[Side]:
        million = 50_000 if stage.quick else 1_000_000
        return [Repeated(SMALL, 10_000), Queue(LARGE, million), Queue(OLD, million, snapshot=True)]

    def runs(self, stage: Stage, asked: int) -> int:
        return min(asked, 3)

    def judge(self, samples: Samples) -> Sequence[Verdict]:
        verdicts = []
        for name, part in ((LARGE, 0.8), (OLD, 0.7)):
            if SMALL in samples and name in samples:
                kept = ratio(samples[name], samples[SMALL])
                goal = f"{name}: at least {part:.0%} of the figure at 10,000"
                verdicts.append(Verdict(goal=goal, value=kept * 100, unit="%", reached=kept >= part))
        return verdicts
