"""A Node program on the other side: what it tells is JSON, one object a line."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.support.process import PATIENCE_S
from tests.support.wait import wait_until


class Broken(Exception):
    """A peer ended with an error, or did not do what was expected of it."""


class Peer:
    """One running program; `Stage.node` starts it, and ends it with the example."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.name = name
        #: All that it has told.
        self.lines: list[dict[str, Any]] = []
        self._process = process
        self._seen = 0
        self._reading = asyncio.gather(self._read(), self._read_errors())
        self._errors = ""

    @classmethod
    async def start(cls, node: Path, script: Path, *args: object, env: Mapping[str, str]) -> Peer:
        """Run *script* with *args*; *env* is added to our environment."""
        process = await asyncio.create_subprocess_exec(
            *(str(node), str(script), *map(str, args)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **env},
            limit=2**24,
            start_new_session=True,
        )
        return cls(script.name, process)

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    async def tells(self, key: str, timeout: float = PATIENCE_S) -> Any:
        """Wait for its next line that has *key*; what stands there. Each line is looked at once."""

        def told() -> dict[str, Any] | None:
            while self._seen < len(self.lines):
                self._seen += 1
                if key in (line := self.lines[self._seen - 1]):
                    return line
            if self._reading.done():
                raise Broken(f"{self.name} ended without telling `{key}`: {self._errors}")
            return None

        line: dict[str, Any] = await wait_until(told, timeout, f"{self.name} tells `{key}`")
        return line[key]

    async def say(self, **words: Any) -> None:
        """Give it a line of JSON on its standard input."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(words).encode() + b"\n")
        await self._process.stdin.drain()

    async def ended(self, timeout: float = PATIENCE_S) -> list[dict[str, Any]]:
        """Close its standard input and wait until it has ended by itself; all that it told. Raises `Broken`."""
        self._close_input()
        async with asyncio.timeout(timeout):
            code = await self._process.wait()
            await self._reading
        if code:
            raise Broken(f"{self.name} ended with {code}: {self._errors}")
        return self.lines

    async def stop(self, patience_s: float = 10.0) -> None:
        """End it, if it lives: asked first, and killed after *patience_s*.

        Comes back within twice that, even where something that it started lives on and holds its pipes.
        """
        self._close_input()
        self._signal(signal.SIGTERM)
        over = asyncio.gather(self._process.wait(), self._reading, return_exceptions=True)
        try:
            if not await _within(over, patience_s):
                self.kill()
                await _within(over, patience_s)
        finally:
            over.cancel()
            self._reading.cancel()
            # What holds the pipes open keeps them from being closed by themselves.
            self._process._transport.close()  # type: ignore[attr-defined]
            await asyncio.gather(over, self._reading, return_exceptions=True)

    def kill(self) -> None:
        """End it as a crash would."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        """To all of it: a `node` from the wheel starts the real one, and what it is told does not reach that."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def _close_input(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self.lines.append(json.loads(line))

    async def _read_errors(self) -> None:
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            self._errors = (self._errors + line.decode(errors="replace"))[-4000:]


async def _within(over: asyncio.Future[Any], seconds: float) -> bool:
    """Whether it is *over* in so many seconds; it goes on if not."""
    done, _ = await asyncio.wait([over], timeout=seconds)
    return bool(done)
