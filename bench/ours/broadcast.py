"""The main job: one trigger to a topic, its mails at the sink, and `sent` in the database."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from bench.ours.client import Client
from bench.ours.loaded import TOPIC, copy, load
from bench.ours.system import System, system
from bench.scenario import Sample, Side
from bench.servers.counting_sink import CountingSink
from bench.servers.process import ProgramFailed
from bench.stage import Stage

#: A broadcast may take this long for each thousand mails, and never less than a minute.
PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How one broadcast went; times in seconds from the call."""

    accepted_s: float
    at_sink_s: float
    sent_s: float
    rss_mb: float


class Broadcast(Side):
    """One API process, one worker process, PostgreSQL durable."""

    name = "clarion"
    unit = "mails/s"

    def __init__(self, mails: int) -> None:
        self.mails = mails

    async def prepare(self, stage: Stage) -> None:
        await load(stage, self.mails)

    async def run(self, stage: Stage) -> Sample:
        course = await broadcast(stage, self.mails)
        also = {"rss_mb": course.rss_mb, "accepted_ms": course.accepted_s * 1000, "at_sink_s": course.at_sink_s}
        return Sample(value=self.mails / course.sent_s, also=also)


async def broadcast(stage: Stage, mails: int) -> Course:
    """Trigger the topic once and wait for the end: all at the sink, all `sent`, and nothing else in the database."""
    sink = await stage.sink()
    async with system(stage, database=await copy(stage, mails), smtp=sink.url) as clarion, clarion.worker() as peak:
        course = await _follow(clarion, clarion.client(), sink, mails)
        accepted_s, at_sink_s, sent_s = course
        await _agree(clarion, mails)
        peak.look()
        return Course(accepted_s=accepted_s, at_sink_s=at_sink_s, sent_s=sent_s, rss_mb=peak.rss_mb)


async def _follow(clarion: System, client: Client, sink: CountingSink, mails: int) -> tuple[float, float, float]:
    before = sink.count
    patience_s = max(60.0, mails / 1000 * PATIENCE_S)
    began = time.monotonic()
    accepted = await client.trigger({"topic": TOPIC})
    await sink.reaches(before + mails, timeout_s=patience_s)
    at_sink = time.monotonic()
    try:
        async with asyncio.timeout(60):
            while await client.sent(accepted.id) < mails:  # noqa: ASYNC110
                await asyncio.sleep(0.01)  # it is another process that knows
    except TimeoutError:
        raise ProgramFailed("not all were `sent` within 60 s after the last mail was taken") from None
    sent = time.monotonic()
    if sink.count != before + mails:
        raise ProgramFailed(f"the sink took {sink.count - before} mails, not {mails}")
    return accepted.at - began, at_sink - began, sent - began


async def _agree(clarion: System, mails: int) -> None:
    sent = await clarion.count("SELECT count(*) FROM message WHERE status = 'sent'")
    if sent != mails:
        raise ProgramFailed(f"{sent} messages are `sent` in the database, {mails} mails are at the sink")
