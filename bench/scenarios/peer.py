"""A peer: a program of its own that prints its figures as one line of JSON."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

from bench.scenario import Sample, Side
from bench.servers.process import run
from bench.stage import ROOT, Stage

PEERS = Path(__file__).parent.parent / "peers"
NODE = Path(__file__).parent.parent / "node"

#: No run of a peer takes longer than this, in seconds.
PATIENCE_S = 600.0


class Peer(Side):
    """A side that is another project's; `command` says how it is run."""

    def __init__(self, name: str, unit: str, settings: str) -> None:
        self.name = name
        self.unit = unit
        #: What of it was tuned, for the results.
        self.settings = settings

    @abstractmethod
    async def command(self, stage: Stage) -> Sequence[str | Path]:
        """What is to be run this time, on a clean stage."""

    async def run(self, stage: Stage) -> Sample:
        figures = json.loads((await run(await self.command(stage), cwd=ROOT, timeout_s=PATIENCE_S)).splitlines()[-1])
        also = {name: figures[name] for name in ("jobs", "rss_mb", "added_per_s") if name in figures}
        return Sample(value=figures["jobs_per_s"], also=also | {"settings": self.settings})
