"""Where the processes of the scenarios come from: copies of one that has imported everything already.

A process that starts from nothing spends most of a second of a core on its imports; a copy is there at once. It is a
process like any other in all that scenarios are about: its memory, its connections, its signals, its end.
"""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

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
    """Starts processes until it is closed, which ends them."""

    def __init__(self) -> None:
        self._asking, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.forking", str(theirs.fileno())],
                cwd=_ROOT,
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
            )

    def close(self) -> None:
        self._asking.close()
        self._process.wait()

    @property
    def pid(self) -> int:
        return self._process.pid

    async def start(self, module: str, arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> Born:
        """Start the ``main`` of *module* with nothing but this *environment*; its standard error goes to *log*."""
        stdin, our_stdin = os.pipe()
        our_stdout, stdout = os.pipe()
        our_status, status = os.pipe()
        stderr = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        asked = {"module": module, "arguments": [*arguments], "environment": {**environment}, "cwd": str(_ROOT)}
        self._ask(asked | {"as_program": False}, [stdin, stdout, stderr, status])
        said, told = await _Pipe.open(our_stdout), await _Pipe.open(our_status)
        pid = await told.reader.readline()
        assert pid, "the nursery has ended"
        return Born(int(pid), our_stdin, said, told)

    def run(
        self,
        module: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        *,
        cwd: Path,
        stdin: bytes,
        timeout: float,
    ) -> tuple[int, bytes, bytes]:
        """The exit code of ``python -m`` *module*, and what it said on both outputs. Blocks until it has ended."""
        asked = {"module": module, "arguments": [*arguments], "environment": {**environment}, "cwd": str(cwd)}
        with ExitStack() as stack:
            given, out, err = (stack.enter_context(_memory(name)) for name in ("stdin", "stdout", "stderr"))
            os.write(given, stdin)
            os.lseek(given, 0, os.SEEK_SET)
            our_status, status = os.pipe()
            told = stack.enter_context(os.fdopen(our_status, "rb", buffering=0))
            self._ask(asked | {"as_program": True}, [*map(os.dup, (given, out, err)), status])
            pid = int(told.readline())
            if not select.select([told], [], [], timeout)[0]:
                os.kill(pid, signal.SIGKILL)
                raise AssertionError(f"{module} {' '.join(arguments)} did not end within {timeout:g} s")
            return int(told.readline()), _content(out), _content(err)

    def _ask(self, asked: Mapping[str, Any], given: Sequence[int]) -> None:
        """Have a process made that is *given* its three standard files, and one that its end is told to."""
        message = json.dumps(asked).encode()
        assert len(message) < LONGEST
        try:
            socket.send_fds(self._asking, [message], given)
        finally:
            for descriptor in given:
                os.close(descriptor)


class _Shared:
    """The nursery of all tests of one run, once somebody has asked for it."""

    nursery: Nursery | None = None


def shared() -> Nursery:
    """It starts when it is first asked for, and ends with `close_shared`."""
    if _Shared.nursery is None:
        _Shared.nursery = Nursery()
    return _Shared.nursery


def is_shared(pid: int) -> bool:
    """Whether *pid* is that nursery."""
    return _Shared.nursery is not None and _Shared.nursery.pid == pid


def close_shared() -> None:
    if _Shared.nursery is not None:
        _Shared.nursery.close()
        _Shared.nursery = None


@contextmanager
def _memory(name: str) -> Iterator[int]:
    """A file in memory, without a place."""
    descriptor = os.memfd_create(name)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _content(descriptor: int) -> bytes:
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0)


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
