"""Mails a second while another channel's provider takes requests and answers none."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from bench.figures import ratio
from bench.mail import project, short
from bench.ours.loaded import TOPIC
from bench.ours.system import System, system
from bench.ours.through_account import copy, load
from bench.scenario import Sample, Samples, Scenario, Side, Verdict
from bench.servers.counting_sink import CountingSink
from bench.servers.process import ProgramFailed
from bench.servers.taking_provider import taking_provider
from bench.stage import Stage

ALONE, BESIDE = "alone", "beside text messages that hang"
LEAST = 0.95
#: The workflow of text messages beside the booking mail.
TEXTS = "room-ready"
_HUNG = """
SELECT count(*) FROM message WHERE channel = 'sms' AND status = 'sending'
"""


class BesideHanging(Side):
    """The topic's mails, alone or with a broadcast of text messages before them that is stuck at its provider."""

    unit = "mails/s"

    def __init__(self, name: str, mails: int, *, beside: bool) -> None:
        self.name = name
        self.mails = mails
        self.beside = beside

    async def prepare(self, stage: Stage) -> None:
        await load(stage, "twilio", self.mails)

    async def run(self, stage: Stage) -> Sample:
        sink = await stage.sink()
        folder = short.write(project.write(stage.work / "project-hanging"), "sms", TEXTS)
        async with (
            taking_provider("twilio", stage.work, hang=True) as provider,
            system(
                stage,
                database=await copy(stage, "twilio", self.mails),
                smtp=sink.url,
                folder=folder,
                more=provider.settings,
            ) as clarion,
            clarion.worker() as peak,
        ):
            # The second broadcast is measured, on either side: beside the texts the system has been at work for longer,
            # and a system is quicker then.
            await _mails(clarion, sink, self.mails)
            if self.beside:
                await clarion.client().trigger({"topic": TOPIC}, TEXTS)
                await _stuck(clarion)
            seconds = await _mails(clarion, sink, self.mails)
            waiting = await clarion.count("SELECT count(*) FROM message WHERE channel = 'sms' AND status <> 'sent'")
            if provider.count:
                raise ProgramFailed(f"the provider that should hang answered {provider.count} requests")
            peak.look()
        return Sample(value=self.mails / seconds, also={"rss_mb": peak.rss_mb, "texts_waiting": float(waiting)})


async def _stuck(clarion: System) -> None:
    async with asyncio.timeout(60):
        while await clarion.count(_HUNG) == 0:  # noqa: ASYNC110
            await asyncio.sleep(0.05)  # it is another process that knows


async def _mails(clarion: System, sink: CountingSink, mails: int) -> float:
    """The seconds from a trigger of the booking mail for all to the last one `sent`."""
    client, before = clarion.client(), sink.count
    began = time.monotonic()
    accepted = await client.trigger({"topic": TOPIC})
    await sink.reaches(before + mails, timeout_s=180)
    async with asyncio.timeout(60):
        while await client.sent(accepted.id) < mails:  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # it is another process that knows
    return time.monotonic() - began


class Hanging(Scenario):
    """Bulkheads between accounts."""

    name = "hanging"
    title = "mails/s beside a provider that hangs"

    def sides(self, stage: Stage) -> Sequence[Side]:
        mails = 2_000 if stage.quick else 20_000
        return [BesideHanging(ALONE, mails, beside=False), BesideHanging(BESIDE, mails, beside=True)]

    def judge(self, samples: Samples) -> Sequence[Verdict]:
        if ALONE not in samples or BESIDE not in samples:
            return ()
        kept = ratio(samples[BESIDE], samples[ALONE])
        goal = "at least 95 % of what it is alone"
        return [Verdict(goal=goal, value=kept * 100, unit="%", reached=kept >= LEAST)]
