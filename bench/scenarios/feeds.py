"""Five thousand feeds open on one API process: one trigger puts an item into each, and each is told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import psutil

from bench.figures import middle, percentile
from bench.mail import booking, project
from bench.ours.feed_streams import FeedStreams
from bench.ours.loaded import TOPIC, copy, load
from bench.ours.memory import watched
from bench.ours.system import system
from bench.scenario import Sample, Samples, Scenario, Side, Verdict
from bench.stage import Stage

#: All must have been told within this much of the 202.
MOST_S = 5.0
#: For so long the processor time of an API process is measured on which nothing happens but heartbeats and looks.
IDLE_S = 30.0


class OpenFeeds(Side):
    """The time from the 202 to the last of the feeds."""

    name = "clarion"
    unit = "s to the last"

    def __init__(self, feeds: int) -> None:
        self.feeds = feeds

    async def prepare(self, stage: Stage) -> None:
        await load(stage, self.feeds)

    async def run(self, stage: Stage) -> Sample:
        database = await copy(stage, self.feeds)
        folder = project.write_in_app(stage.work / "project-in-app")
        async with system(stage, database=database, folder=folder) as clarion, clarion.worker():
            client = clarion.client()
            tokens = [await client.feed_token(str(booking.guest(number)["id"])) for number in range(self.feeds)]
            streams = FeedStreams(clarion.port)
            async with watched(clarion.api_pid) as peak:
                began = time.monotonic()
                await streams.open(tokens)
                opened_s = time.monotonic() - began
                try:
                    idle = await _busy(clarion.api_pid, IDLE_S / (10 if stage.quick else 1))
                    accepted = await client.trigger({"topic": TOPIC}, project.IN_APP)
                    took = [at - accepted.at for at in await streams.arrivals(timeout_s=60)]
                finally:
                    streams.close()
        also = {
            "median_ms": percentile(took, 50) * 1000,
            "p99_ms": percentile(took, 99) * 1000,
            "api_rss_mb": peak.rss_mb,
            "idle_cpu_percent": idle * 100,
            "opened_per_s": self.feeds / opened_s,
        }
        return Sample(value=max(took), also=also)


async def _busy(pid: int, seconds: float) -> float:
    """How much of a processor *pid* uses."""
    process = psutil.Process(pid)
    before = process.cpu_times()
    await asyncio.sleep(seconds)
    after = process.cpu_times()
    return (after.user + after.system - before.user - before.system) / seconds


class Feeds(Scenario):
    """Feeds that are followed live."""

    name = "feeds"
    title = "5,000 open feeds on one API process, an item for each"

    def sides(self, stage: Stage) -> Sequence[Side]:
        return [OpenFeeds(200 if stage.quick else 5_000)]

    def judge(self, samples: Samples) -> Sequence[Verdict]:
        value = middle(samples["clarion"])
        goal = "all of them told within 5 s"
        return [Verdict(goal=goal, value=value, unit="s", reached=value <= MOST_S)]
