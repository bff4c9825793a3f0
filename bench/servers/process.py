"""One program that a measurement started, and that ends with it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

#: How long a program may take to end by itself after SIGTERM, in seconds.
GRACE_S = 10.0


class ProgramFailed(Exception):
    """A program of the measurement ended with an error; the end of what it wrote is in the message."""


def free_port() -> int:
    """A TCP port on the loopback address that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a program is started with: this environment less any setting of Clarion's own, plus *extra*."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CLARION_")}
    return kept | dict(extra or {})


async def run(
    command: Sequence[str | Path], *, env: Mapping[str, str] | None = None, cwd: Path | None = None, timeout_s: float
) -> str:
    """Run *command* to its end and answer what it wrote to its standard output.

    Raises `ProgramFailed` when it fails or takes longer than *timeout_s*. It never outlives the call.
    """
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(env),
        cwd=cwd,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(timeout_s):
            out, err = await process.communicate()
    except TimeoutError:
        raise ProgramFailed(f"{_named(command)} took longer than {timeout_s:.0f} s") from None
    finally:
        await end(process)
    if process.returncode:
        said = (err or out).decode(errors="replace").strip()
        said = said if len(said) < 2000 else f"{said[:1000]} … {said[-1000:]}"
        raise ProgramFailed(f"{_named(command)} ended with status {process.returncode}: {said}")
    return out.decode()


@asynccontextmanager
async def started(
    command: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdout: int | None = None,
    stop: signal.Signals = signal.SIGTERM,
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A running program whose output goes to *log* (or its standard output to *stdout*); ended on the way out.

    It gets a session of its own, so that Ctrl-C reaches the measurement only, which then ends it in order.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as written:
        process = await asyncio.create_subprocess_exec(
            *map(str, command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=written if stdout is None else stdout,
            stderr=written,
            env=environment(env),
            cwd=cwd,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        await end(process, stop)


async def end(process: asyncio.subprocess.Process, how: signal.Signals = signal.SIGTERM) -> None:
    """Ask *process* to end, and kill its whole session when it does not within `GRACE_S`."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(how)
    try:
        await asyncio.shield(asyncio.wait_for(process.wait(), GRACE_S))
    except (TimeoutError, asyncio.CancelledError):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def accepting(port: int, process: asyncio.subprocess.Process, *, log: Path, timeout_s: float = 30.0) -> None:
    """Wait until somebody accepts connections on *port*.

    Raises `ProgramFailed` when *process* ends first, or nobody does in time.
    """
    async with asyncio.timeout(timeout_s):
        while True:
            if process.returncode is not None:
                raise ProgramFailed(f"ended with status {process.returncode}: {tail(log)}")
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            writer.close()
            await writer.wait_closed()
            return


def tail(log: Path) -> str:
    """The end of what a program wrote."""
    return log.read_text(errors="replace")[-2000:]


def _named(command: Sequence[str | Path]) -> str:
    return " ".join(Path(str(part)).name for part in command[:3])
