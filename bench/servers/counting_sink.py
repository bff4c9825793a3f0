"""The SMTP sink of the speed measurements: takes mails, throws them away, and says how many it took."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bench.servers import debian
from bench.servers.process import ProgramFailed, accepting, free_port, run, started

PACKAGES = ("postfix", "libicu72", "libdb5.3", "libnsl2", "libsasl2-2")
COUNTER = re.compile(rb"mesg=(\d+)\r")


class CountingSink:
    """A running sink; `count` is how many mails it has taken since it started."""

    def __init__(self, name: str, port: int) -> None:
        #: ``smtp-sink``, or ``python`` where Postfix's cannot be had.
        self.name = name
        self.port = port
        self.count = 0
        self._tail = b""
        self._news = asyncio.Event()

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}?starttls=never"

    async def reaches(self, count: int, *, timeout_s: float) -> None:
        """Wait until the sink has taken *count* mails in all.

        Raises `ProgramFailed` when it does not in time.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while self.count < count:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise ProgramFailed(f"the sink took {self.count} of {count} mails in {timeout_s:.0f} s") from None

    async def follow(self, output: int) -> None:
        """Read the running counters from the pipe *output*, a few hundred times a second at most, so that the reader
        takes no part of the machine worth speaking of."""
        os.set_blocking(output, False)
        while True:
            with contextlib.suppress(BlockingIOError):
                self._read(os.read(output, 1 << 20))
            await asyncio.sleep(0.003)

    def _read(self, data: bytes) -> None:
        self._tail = (self._tail + data)[-200:]
        if found := COUNTER.findall(self._tail):
            self.count = int(found[-1])
            self._news.set()


@asynccontextmanager
async def counting_sink(work: Path) -> AsyncIterator[CountingSink]:
    """Postfix's ``smtp-sink`` from the PATH or its Debian package, else the Python one of this folder."""
    name, command, env = await _program(work)
    port = free_port()
    log = work / "logs" / "sink.log"
    reading, writing = os.pipe()
    try:
        async with started(
            [part.replace("{port}", str(port)) for part in command], log=log, env=env, stdout=writing
        ) as process:
            await accepting(port, process, log=log)
            sink = CountingSink(name, port)
            following = asyncio.create_task(sink.follow(reading))
            try:
                yield sink
            finally:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)
    finally:
        os.close(reading)
        os.close(writing)


async def _program(work: Path) -> tuple[str, list[str], dict[str, str]]:
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    arguments = ["-c", "-m", "512", *user, "127.0.0.1:{port}", "512"]
    if on_path := shutil.which("smtp-sink"):
        return "smtp-sink", [on_path, *arguments], {}
    if unpacked := await debian.unpack(work / "debian", "usr/sbin/smtp-sink", PACKAGES):
        with contextlib.suppress(ProgramFailed):
            # Its libraries may be missing: then it fails at once, here and not in the middle of a run.
            await run(["ldd", unpacked.program], env=unpacked.env, timeout_s=10)
            return "smtp-sink", [str(unpacked.program), *arguments], unpacked.env
    return "python", [sys.executable, "-m", "bench.servers.python_sink", "{port}"], {}
