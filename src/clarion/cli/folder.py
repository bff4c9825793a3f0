"""Following the project folder: what is saved there is published."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog

from clarion.errors import ClarionError

log = structlog.get_logger()

_EVERY_S = 1.0


async def follow(project: Path, publish: Callable[[], Awaitable[object]]) -> None:
    """Call *publish* whenever something in *project* was saved; goes on until it is cancelled."""
    seen = _fingerprint(project)
    while True:
        await asyncio.sleep(_EVERY_S)
        now = _fingerprint(project)
        if now == seen:
            continue
        seen = now
        try:
            await publish()
        except ClarionError as error:  # mistakes while somebody is typing: what is published stays
            log.warning("project.not_published", why=error.message)
        except Exception:  # a database that is away, say: the next time it may be there
            log.exception("project.not_published")


def _fingerprint(project: Path) -> int:
    """Changes whenever a file that is published is saved."""
    found = []
    for name in ("workflows", "templates", "layouts", "bindings", "schedules"):
        for folder, _, files in os.walk(project / name):
            for file in files:
                try:
                    status = os.stat(os.path.join(folder, file))  # noqa: PTH116, PTH118 - a walk every second
                except OSError:
                    continue
                found.append((folder, file, status.st_mtime_ns, status.st_size))
    return hash(tuple(sorted(found)))
