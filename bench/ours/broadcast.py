"""The main job: one trigger to a topic, its mails at the sink, and `sent` in the database."""

from __future__ import annotations

from bench.scenario import NotAvailable, Sample, Side
from bench.stage import Stage


class Broadcast(Side):
    name = "clarion"
    unit = "mails/s"

    def __init__(self, mails: int) -> None:
        self.mails = mails

    async def run(self, stage: Stage) -> Sample:
        raise NotAvailable("to be written")
