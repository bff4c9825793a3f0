"""Signatures and encryption a second, in one thread, beside the libraries that are usual for it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from bench.figures import ratio
from bench.scenario import Samples, Scenario, Side, Verdict
from bench.scenarios.peer import Peer
from bench.stage import Stage

OURS = "clarion"


class Sealing(Peer):
    """One program that seals one thing after the other."""

    def __init__(self, name: str, module: str, what: str, count: int, unit: str, said: str) -> None:
        super().__init__(name, unit, said)
        self.module = module
        self.what = what
        self.count = count

    async def command(self, stage: Stage) -> Sequence[str | Path]:
        return [sys.executable, "-m", self.module, "--what", self.what, "--jobs", str(self.count)]


class _Sealed(Scenario):
    """What they share: the library's rate is shown beside ours."""

    what: str
    unit: str
    peer: str

    def sides(self, stage: Stage) -> Sequence[Side]:
        count, few = (200, 200) if stage.quick else (5_000, 500)
        return [
            Sealing(self.peer, "bench.peers.sealing", self.what, few, self.unit, "as its page shows it"),
            Sealing(OURS, "bench.ours.sealing", self.what, count, self.unit, "one key, one thread"),
        ]

    def judge(self, samples: Samples) -> Sequence[Verdict]:
        if OURS not in samples or self.peer not in samples:
            return ()
        times = ratio(samples[OURS], samples[self.peer])
        return [Verdict(goal=f"at least the rate of {self.peer}", value=times, unit="times", reached=times >= 1)]


class Dkim(_Sealed):
    """The key that every receiver can check."""

    name = "dkim"
    title = "mails of 10 kB signed with DKIM, RSA 2048"
    what, unit, peer = "rsa", "signatures/s", "dkimpy"


class DkimEd25519(_Sealed):
    """The key that costs less."""

    name = "dkim-ed25519"
    title = "mails of 10 kB signed with DKIM, Ed25519"
    what, unit, peer = "ed25519", "signatures/s", "dkimpy"


class WebPushEncryption(_Sealed):
    """A key of its own for each message."""

    name = "webpush"
    title = "push messages encrypted for browsers"
    what, unit, peer = "webpush", "messages/s", "pywebpush"
