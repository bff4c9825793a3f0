"""Mails a second, end to end: the hotel mailer rebuilt on Node, against one worker process of ours."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.figures import ratio
from bench.mail import booking
from bench.ours.broadcast import Broadcast
from bench.scenario import Sample, Samples, Scenario, Side, Verdict
from bench.scenarios.peer import NODE, Peer
from bench.servers.process import ProgramFailed
from bench.stage import Stage

GOAL = 4.0


class HotelMailer(Peer):
    """BullMQ, Handlebars and a nodemailer pool: one producer process, one worker process, no database."""

    def __init__(self, mails: int, *, concurrency: int, connections: int) -> None:
        settings = f"concurrency {concurrency}, {connections} SMTP connections, addBulk, completed jobs removed"
        super().__init__("hotel mailer on Node", "mails/s", settings)
        self.mails = mails
        self.concurrency = concurrency
        self.connections = connections

    async def command(self, stage: Stage) -> Sequence[str | Path]:
        bookings = stage.work / "bookings.ndjson"
        booking.write_bookings(bookings, self.mails)
        redis = await stage.redis()
        await redis.clear()
        options = {
            "jobs": self.mails,
            "concurrency": self.concurrency,
            "connections": self.connections,
            "mail": booking.FOLDER,
            "bookings": bookings,
            "redis": redis.url,
            "smtp": (await stage.sink()).port,
        }
        arguments = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        return [(await stage.node()).program, NODE / "mailer.js", *arguments]

    async def run(self, stage: Stage) -> Sample:
        sink = await stage.sink()
        before = sink.count
        sample = await super().run(stage)
        await sink.reaches(before + self.mails, timeout_s=5)
        if sink.count != before + self.mails:
            raise ProgramFailed(
                f"the hotel mailer says it sent {self.mails} mails, the sink took {sink.count - before}"
            )
        return sample


class Mails(Scenario):
    """The main job's speed."""

    name = "mails"
    title = "mails/s end to end, one worker process"

    def sides(self, stage: Stage) -> Sequence[Side]:
        count = 1_000 if stage.quick else 10_000
        return [HotelMailer(count, concurrency=100, connections=20), Broadcast(count)]

    def judge(self, samples: Samples) -> Sequence[Verdict]:
        if "clarion" not in samples or "hotel mailer on Node" not in samples:
            return ()
        times = ratio(samples["clarion"], samples["hotel mailer on Node"])
        return [Verdict(goal="at least 4 times the hotel mailer", value=times, unit="times", reached=times >= GOAL)]
