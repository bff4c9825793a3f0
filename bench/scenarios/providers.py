"""Short messages a second through a provider that speaks HTTP, beside the provider's own library used the usual way."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from bench.figures import middle, ratio
from bench.ours.through_account import ThroughAccount
from bench.scenario import Sample, Samples, Scenario, Side, Verdict
from bench.scenarios.peer import Peer
from bench.servers.process import ProgramFailed
from bench.servers.taking_provider import TakingProvider, taking_provider
from bench.stage import Stage

GOAL = 2_000.0


class Library(Peer):
    """The provider's own Python library, with a provider of its own for each run; nothing is kept of what was sent."""

    def __init__(self, kind: str, name: str, count: int, concurrency: int, said: str) -> None:
        super().__init__(name, "messages/s", said)
        self.kind = kind
        self.count = count
        self.concurrency = concurrency
        self._provider: TakingProvider | None = None

    async def command(self, stage: Stage) -> Sequence[str | Path]:
        assert self._provider is not None
        given = ["--jobs", str(self.count), "--concurrency", str(self.concurrency), "--url", self._provider.url]
        key = ["--key", str(self._provider.key)] if self.kind == "fcm" else []
        return [sys.executable, "-m", f"bench.peers.{self.kind}_sdk", *given, *key]

    async def run(self, stage: Stage) -> Sample:
        async with taking_provider(self.kind, stage.work) as provider:
            self._provider = provider
            sample = await super().run(stage)
            await provider.has(self.count, timeout_s=5)
            if len(provider.arrivals) != self.count:
                raise ProgramFailed(f"{len(provider.arrivals)} of {self.count} were reached")
            return sample


class _ThroughProvider(Scenario):
    """What they share: the goal is on ours, from the call to `sent`."""

    def judge(self, samples: Samples) -> Sequence[Verdict]:
        ours = samples.get(ThroughAccount.name)
        if not ours:
            return ()
        rate = middle(ours)
        goal = f"at least {GOAL:,.0f} a second, one worker process"
        verdicts = [Verdict(goal=goal, value=rate, unit="messages/s", reached=rate >= GOAL)]
        for name, runs in samples.items():
            if name != ThroughAccount.name:
                shown = f"shown beside it: the rate of {name}"
                verdicts.append(Verdict(goal=shown, value=ratio(ours, runs), unit="times", reached=True))
        return verdicts


class ThroughTwilio(_ThroughProvider):
    """Text messages."""

    name = "twilio"
    title = "text messages/s through Twilio's API"

    def sides(self, stage: Stage) -> Sequence[Side]:
        count, few = (1_000, 200) if stage.quick else (10_000, 3_000)
        return [
            Library("twilio", "twilio-python, one by one", few, 1, "one client, its session kept"),
            Library("twilio", "twilio-python, asynchronous", few, 100, "100 at once, uvloop"),
            ThroughAccount("twilio", count),
        ]


class ThroughFcm(_ThroughProvider):
    """Push messages."""

    name = "fcm"
    title = "push messages/s through FCM's API"

    def sides(self, stage: Stage) -> Sequence[Side]:
        count, few = (1_000, 200) if stage.quick else (10_000, 3_000)
        return [
            Library("fcm", "firebase-admin, one by one", few, 1, "one application, its session kept"),
            Library("fcm", "firebase-admin, send_each", few, 500, "lists of 500, its own threads"),
            ThroughAccount("fcm", count),
        ]
