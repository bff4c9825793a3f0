"""The SMTP sink of the latency measurements: knows when each recipient's mail arrived."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bench.servers.process import accepting, free_port, started

ROOT = Path(__file__).parent.parent.parent


class Arrivals:
    """What a sink writes down; `arrivals` maps the recipient of each message to its monotonic time of arrival, in
    seconds."""

    def __init__(self, file: Path, *, only: str = "") -> None:
        self.arrivals: dict[str, float] = {}
        self.count = 0
        #: Recipients that do not begin with this are counted but not kept: a broadcast's million would fill memory.
        self.only = only
        self._file = file.open("rb")
        self._rest = b""

    def read(self) -> None:
        """Take in what the sink has written since the last call."""
        *lines, self._rest = (self._rest + self._file.read()).split(b"\n")
        self.count += len(lines)
        wanted = self.only.encode()
        for line in lines:
            at, _, recipient = line.partition(b" ")
            if recipient.startswith(wanted):
                self.arrivals.setdefault(recipient.decode(), int(at) / 1e9)

    async def arrival(self, recipient: str, *, timeout_s: float) -> float:
        """When the message of *recipient* arrived, waiting for it if need be. Raises `TimeoutError`."""
        async with asyncio.timeout(timeout_s):
            while recipient not in self.arrivals:
                self.read()
                await asyncio.sleep(0.005)
        return self.arrivals[recipient]

    async def has(self, count: int, *, timeout_s: float) -> None:
        """Wait until *count* messages have arrived in all. Raises `TimeoutError`."""
        async with asyncio.timeout(timeout_s):
            while self.count < count:
                self.read()
                await asyncio.sleep(0.005)

    def close(self) -> None:
        """Stop reading."""
        self._file.close()


class TimingSink(Arrivals):
    """A running sink."""

    def __init__(self, port: int, file: Path, *, only: str = "") -> None:
        super().__init__(file, only=only)
        self.port = port

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}?starttls=never"


@asynccontextmanager
async def timing_sink(work: Path, *, only: str = "") -> AsyncIterator[TimingSink]:
    """The Python sink of this folder in a process of its own."""
    port, log, file = free_port(), work / "logs" / "timing-sink.log", work / "arrivals.txt"
    file.unlink(missing_ok=True)
    command = [sys.executable, "-m", "bench.servers.python_sink", str(port), str(file)]
    async with started(command, log=log, cwd=ROOT) as process:
        await accepting(port, process, log=log)
        sink = TimingSink(port, file, only=only)
        try:
            yield sink
        finally:
            sink.close()
            file.unlink(missing_ok=True)
