"""Timers: a hundred thousand that are due in one second, and how late one fires when there is nothing else to do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from bench.figures import middle, percentile
from bench.ours.system import system
from bench.ours.timed import timers
from bench.scenario import Sample, Samples, Scenario, Side, Verdict
from bench.stage import Stage

MANY, IDLE = "all due in one second", "one now and then"
MOST_S = 5.0
MOST_LATE_MS = 20.0

#: What setting a thousand of them may take, and a worker to start, in seconds.
SETTING_S, STARTING_S = 0.5, 8.0
#: No multiple of anything that a worker does at regular times.
APART = timedelta(milliseconds=53)


class Many(Side):
    """One worker process that fires; what is published by it waits for others."""

    name = MANY
    unit = "s"

    def __init__(self, count: int) -> None:
        self.count = count

    async def run(self, stage: Stage) -> Sample:
        database = await (await stage.postgres()).fresh("bench_clarion")
        async with system(stage, database=database) as clarion, timers(database) as all_timers:
            first = await all_timers.now() + timedelta(seconds=STARTING_S + SETTING_S * self.count / 1000)
            await all_timers.set(self.count, first, timedelta(seconds=1) / self.count)
            async with clarion.worker("--queues", "timers") as peak:
                lateness = await all_timers.all_fired(self.count, timeout_s=120)
        seconds = (lateness.all_seen_at - first).total_seconds()
        also = {
            "timers": self.count,
            "median_late_s": percentile(lateness.each, 50),
            "latest_s": max(lateness.each),
            "rss_mb": peak.rss_mb,
        }
        return Sample(value=seconds, also=also)


class Idle(Side):
    """One at a time, by a worker that has all queues and nothing to do but wait."""

    name = IDLE
    unit = "ms late, median"

    def __init__(self, count: int) -> None:
        self.count = count

    async def run(self, stage: Stage) -> Sample:
        database = await (await stage.postgres()).fresh("bench_clarion")
        async with system(stage, database=database) as clarion, timers(database) as all_timers:
            first = await all_timers.now() + timedelta(seconds=STARTING_S)
            await all_timers.set(self.count, first, APART)
            async with clarion.worker("--queues", "timers"):
                lateness = await all_timers.all_fired(self.count, timeout_s=60 + self.count * APART.total_seconds())
        late_ms = [late * 1000 for late in lateness.each]
        also = {"p99_ms": percentile(late_ms, 99), "most_ms": max(late_ms), "timers": self.count}
        return Sample(value=percentile(late_ms, 50), also=also)


class Timers(Scenario):
    """None fires early, and each with what it publishes, or there is no figure."""

    name = "timers"
    title = "timers"

    def sides(self, stage: Stage) -> Sequence[Side]:
        return [Many(5_000 if stage.quick else 100_000), Idle(40 if stage.quick else 200)]

    def judge(self, samples: Samples) -> Sequence[Verdict]:
        verdicts = []
        if MANY in samples:
            took = middle(samples[MANY])
            goal = "all fired, their publications committed, within 5 s of the first one's time"
            verdicts.append(Verdict(goal=goal, value=took, unit="s", reached=took <= MOST_S))
        if IDLE in samples:
            late = middle(samples[IDLE])
            goal = "an idle worker's timers: median under 20 ms late"
            verdicts.append(Verdict(goal=goal, value=late, unit="ms", reached=late < MOST_LATE_MS))
        return verdicts
