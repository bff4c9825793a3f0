"""Who works: a row for each worker process, renewed while it lives. For people; nothing is decided by it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from clarion import sql
from clarion.queue.job import Connection

_SQL = sql.load(__file__)

#: How often a worker gives a sign of life.
SIGN_EVERY = timedelta(seconds=5)
#: Who gave none for so long is not counted among the living.
SILENT_AFTER = 4 * SIGN_EVERY


class LivingWorker(NamedTuple):
    """A worker process that was seen lately."""

    #: As jobs name it that it holds.
    id: str
    host: str
    pid: int
    queues: Sequence[str]
    started_at: datetime
    seen_at: datetime


async def seen(connection: Connection, id: str, *, host: str, pid: int, queues: Sequence[str]) -> None:
    """Note that worker *id* lives now; the first time, that it is there at all."""
    await connection.execute(_SQL["seen"], id, host, pid, queues)


async def leave(connection: Connection, id: str) -> None:
    """Take worker *id* off the list; nothing when it is not on it."""
    await connection.execute(_SQL["leave"], id)


async def living(connection: Connection, silent_for: timedelta = SILENT_AFTER) -> list[LivingWorker]:
    """Those that gave a sign of life within *silent_for*, the oldest first."""
    return [LivingWorker._make(row) for row in await connection.fetch(_SQL["living"], silent_for)]


async def prune(connection: Connection, older_than: timedelta) -> int:
    """Forget those that gave no sign of life for *older_than*; how many that were."""
    gone: int = await connection.fetchval(_SQL["prune"], older_than)
    return gone
