"""How long finished things are kept: old ones are deleted a batch at a time, so that nobody waits for it.

Each call deletes one batch, in the caller's transaction if there is one; a full batch means that there may be more.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from clarion import sql
from clarion.queue.job import Connection

_SQL = sql.load(__file__)

#: How many rows one call deletes: a few milliseconds of work.
BATCH = 1000

#: The minutes of the tally stay single this long; then they are summed by the hour.
_FINE = timedelta(hours=2)


async def prune_done(connection: Connection, older_than: timedelta, limit: int = BATCH) -> int:
    """Delete at most *limit* records of finished jobs; how many went."""
    return await _delete(connection, "prune_done", older_than, limit)


async def clean_done(
    connection: Connection, queue: str, older_than: timedelta, *, tenant_id: UUID | None = None
) -> int:
    """Delete the records of the jobs of *queue* that finished longer ago than *older_than*; how many went.

    In batches, each a statement, as `buried.clean` does with those that failed.
    """
    gone = 0
    while True:
        batch: int = await connection.fetchval(_SQL["clean_done"], queue, older_than, tenant_id, BATCH)
        gone += batch
        if batch < BATCH:
            return gone


async def prune_buried(connection: Connection, older_than: timedelta, limit: int = BATCH) -> int:
    """Delete at most *limit* buried jobs of all queues; how many went."""
    return await _delete(connection, "prune_buried", older_than, limit)


async def prune_tally(connection: Connection, older_than: timedelta, limit: int = BATCH) -> int:
    """Delete at most *limit* rows of the tally; how many went. This ends the time over which `counts` counts;
    `totals` stay what they are."""
    return await _delete(connection, "prune_tally", older_than, limit)


async def compact_tally(connection: Connection, older_than: timedelta = _FINE, limit: int = BATCH) -> int:
    """Fold at most *limit* old rows of the tally, one a minute and worker slot, into one an hour; how many went.

    No sum changes. Without it a week of a busy queue would be 10,000 rows a slot, to be added up for every count.
    """
    return await _delete(connection, "compact_tally", older_than, limit)


async def count_done(connection: Connection, older_than: timedelta) -> int:
    """How many records of finished jobs `prune_done` would delete, one batch after the other."""
    found: int = await connection.fetchval(_SQL["count_done"], older_than)
    return found


async def count_buried(connection: Connection, older_than: timedelta) -> int:
    """How many buried jobs `prune_buried` would delete."""
    found: int = await connection.fetchval(_SQL["count_buried"], older_than)
    return found


async def _delete(connection: Connection, statement: str, older_than: timedelta, limit: int) -> int:
    gone: int = await connection.fetchval(_SQL[statement], older_than, limit)
    return gone
