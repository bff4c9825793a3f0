"""A running `clarion up`, as the other commands find it: a lock and a small file in the data folder."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from clarion import clock
from clarion.errors import ConfigError, Unavailable

#: How long the processes of an `up` that was killed may take to end.
_PATIENCE_S = 60.0
_POLL_S = 0.05
#: Somebody who only looks holds the lock for a moment.
_MOMENT_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """Where it is, and what opens it."""

    address: str
    api_key: str
    #: Of the process that started all others.
    pid: int
    #: Where caught mail is shown, or None when a real SMTP server is used.
    catcher: str | None = None
    #: The address of its embedded database; one that is configured may have a password in it, and is not written.
    database: str | None = None


@asynccontextmanager
async def claimed(data_dir: Path) -> AsyncIterator[int]:
    """Be the only `up` on *data_dir*; the descriptor of the lock, for the children to hold as well.

    As they hold it, it is free only when the last of them has ended, however this process ends. Raises `ConfigError`
    when another one runs, `Unavailable` when processes of an earlier one do not end.
    """
    handle = _open(data_dir)
    try:
        await _lock(handle, data_dir)
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        try:
            yield handle
        finally:
            (data_dir / "running.json").unlink(missing_ok=True)
    finally:
        os.close(handle)


def announce(data_dir: Path, running: Running) -> None:
    """Write it down, for this account's eyes only: it holds a key. To be called under the lock."""
    path = data_dir / "running.json"
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(asdict(running), file)
    fresh.replace(path)


def find(data_dir: Path) -> Running | None:
    """The one that runs on *data_dir*, or None. What one that was killed has left behind does not count."""
    try:
        with (data_dir / "running.json").open(encoding="utf-8") as file:
            running = Running(**json.load(file))
    except (OSError, ValueError, TypeError):
        return None
    return running if _is_alive(running.pid) else None


def _open(data_dir: Path) -> int:
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    return os.open(data_dir / "up.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


async def _lock(handle: int, data_dir: Path) -> None:
    began = clock.monotonic()
    while not _try(handle):
        waited = clock.monotonic() - began
        holder = _holder(handle)
        if waited > _MOMENT_S and holder and holder != os.getpid() and _is_alive(holder):
            raise ConfigError(
                f"`clarion up` runs on {data_dir} already, as process {holder}."
                " Stop that one, or give this one a data folder of its own with --data-dir."
            )
        if waited > _PATIENCE_S:
            raise Unavailable(f"Processes of an earlier `clarion up` on {data_dir} do not end: stop them first.")
        await asyncio.sleep(_POLL_S)


def _try(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(handle: int) -> int | None:
    with suppress(ValueError):
        return int(os.pread(handle, 20, 0))
    return None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
