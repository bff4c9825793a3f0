"""Where the processes of the scenarios come from: copies of one that has imported everything already.

A process that starts from nothing spends most of a second of a core on its imports; a copy is there at once. It is a
process like any other in all that scenarios are about: its memory, its connections, its signals, its end.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.forking import LONGEST

_ROOT = Path(__file__).parents[2]


class Born:
    """One process, as `asyncio.subprocess.Process` shows it. Its standard input stays open while it lives."""

    def __init__(self, pid: int, stdin: int, stdout: _Pipe, status: _Pipe) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._stdin, self._stdout, self._status = stdin, stdout, status
        self._ending = asyncio.create_task(self._end())

    @property
    def stdout(self) -> asyncio.StreamReader:
        return self._stdout.reader

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        if self.returncode is None:
            os.kill(self.pid, number)

    async def wait(self) -> int:
        """Wait until it has ended; its exit code, negative for a signal."""
        return await asyncio.shield(self._ending)

    async def _end(self) -> int:
        line = await self._status.reader.readline()
        os.close(self._stdin)
        self._status.close()
        self.returncode = int(line) if line else -signal.SIGKILL  # without a line the nursery has died, and all with it
        await self.stdout.read()  # what nobody wanted to know
        self._stdout.close()
        return self.returncode


class Nursery:
    """Starts processes while the ``async with`` lasts, and ends them with it."""

    async def __aenter__(self) -> Self:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._asking = ours
        with theirs:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.support.forking", str(theirs.fileno())),
                cwd=_ROOT,
                pass_fds=(theirs.fileno(),),
                stdin=asyncio.subprocess.DEVNULL,
            )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._asking.close()
        await self._process.wait()

    @property
    def pid(self) -> int:
        return self._process.pid

    async def start(self, module: str, arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> Born:
        """Start the ``main`` of *module* with nothing but this *environment*; its standard error goes to *log*."""
        asked = json.dumps({"module": module, "arguments": [*arguments], "environment": {**environment}}).encode()
        assert len(asked) < LONGEST
        stdin, our_stdin = os.pipe()
        our_stdout, stdout = os.pipe()
        our_status, status = os.pipe()
        stderr = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        given = [stdin, stdout, stderr, status]
        try:
            socket.send_fds(self._asking, [asked], given)
        finally:
            for descriptor in given:
                os.close(descriptor)
        said, told = await _Pipe.open(our_stdout), await _Pipe.open(our_status)
        pid = await told.reader.readline()
        assert pid, "the nursery has ended"
        return Born(int(pid), our_stdin, said, told)


@dataclass(frozen=True, slots=True)
class _Pipe:
    """The end of a pipe that is read here."""

    reader: asyncio.StreamReader
    transport: asyncio.ReadTransport

    @classmethod
    async def open(cls, descriptor: int) -> Self:
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb", buffering=0)
        )
        return cls(reader, transport)

    def close(self) -> None:
        self.transport.close()
