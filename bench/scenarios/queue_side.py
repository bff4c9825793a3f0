"""Our side of the queue measurements: `bench.ours.noop` in a process of its own, on a new database."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from bench.scenarios.peer import Peer
from bench.stage import Stage


class Queue(Peer):
    """Clarion's queue with no-op handlers."""

    def __init__(
        self, name: str, jobs: int, *, handler: str = "list", snapshot: bool = False, batch: int = 1000
    ) -> None:
        super().__init__(name, "jobs/s", f"4 claimers, {batch:,} jobs a claim")
        self.jobs = jobs
        self.arguments = ["--jobs", str(jobs), "--handler", handler, "--batch", str(batch)]
        if snapshot:
            self.arguments.append("--snapshot")

    async def command(self, stage: Stage) -> Sequence[str | Path]:
        url = await (await stage.postgres()).fresh("bench_queue")
        return [sys.executable, "-m", "bench.ours.noop", "--url", url, *self.arguments]
