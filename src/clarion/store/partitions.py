"""Weeks of runs, messages, attempts and events: made ahead, dropped when they are old.

A partition holds the ids made in one ISO week (UUIDv7 carries its time). All four tables have the same bounds, so that
a message and everything that hangs from it leave together. There is no DEFAULT partition: it would forbid
DETACH CONCURRENTLY.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from clarion import ids
from clarion.store.database import Connection

#: Partitioned table → its key, and how full its pages are packed (room for HOT updates).
TABLES = {"run": 100, "message": 50, "attempt": 50, "message_event": 100}

WEEK = timedelta(days=7)

#: How far ahead partitions exist: an id from a clock that runs fast, or a scheduler that rests, must still find one.
AHEAD = 4 * WEEK
#: How far back: messages keep the time of their id, and tests and imports write a little into the past.
BEHIND = WEEK

#: One dropper at a time, per database.
_DROP_LOCK = 0x636C6172696F6F


async def ensure(connection: Connection, now: datetime | None = None) -> list[str]:
    """Make the partitions from a week back to four weeks ahead that do not exist yet; the names of the new ones.

    Attached with ATTACH: unlike CREATE TABLE … PARTITION OF it does not lock out readers and writers. Safe when
    several do it at once.
    """
    now = now or await connection.fetchval("SELECT clock_timestamp()")
    made = []
    for monday in _mondays(now - BEHIND, now + AHEAD):
        for table, fillfactor in TABLES.items():
            name = f"{table}_{monday:%G_w%V}"
            if await _exists(connection, name):
                continue
            async with connection.transaction():
                await connection.execute("SELECT pg_advisory_xact_lock(hashtext($1))", name)
                if await _exists(connection, name):
                    continue
                low, high = ids.first_at(monday), ids.first_at(monday + WEEK)
                await connection.execute(
                    f"CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"
                    f" WITH (fillfactor = {fillfactor}, autovacuum_vacuum_scale_factor = 0.05,"
                    f" autovacuum_vacuum_cost_delay = 0);"
                    f" ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ('{low}') TO ('{high}')"
                )
                made.append(name)
    return made


async def _exists(connection: Connection, name: str) -> bool:
    """Whether there is such a table now. Asked of the catalogue: `to_regclass` may answer from what it knew before."""
    found: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM pg_class WHERE relname = $1 AND relnamespace = current_schema()::regnamespace)",
        name,
    )
    return found


async def drop(connection: Connection, older_than: timedelta) -> list[str]:
    """Drop the weeks that ended more than *older_than* ago; the names of the dropped partitions.

    A week with a message that is still open, or a run that waits, stays. Readers and writers are not locked out: each
    partition is first detached concurrently. To be called outside of a transaction; when somebody else does the same,
    this does nothing.
    """
    if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _DROP_LOCK):
        return []
    try:
        now = await connection.fetchval("SELECT clock_timestamp()")
        dropped = []
        for week in await _weeks_before(connection, now - older_than):
            open_left = (
                f"SELECT EXISTS (SELECT FROM run_{week} WHERE status = 'running')"  # noqa: S608
                f" OR EXISTS (SELECT FROM message_{week} WHERE status IN ('queued', 'sending'))"
            )
            if await connection.fetchval(open_left):
                continue
            for table in TABLES:
                await _drop_one(connection, table, f"{table}_{week}")
                dropped.append(f"{table}_{week}")
        return dropped
    finally:
        await connection.execute("SELECT pg_advisory_unlock($1)", _DROP_LOCK)


async def _weeks_before(connection: Connection, moment: datetime) -> list[str]:
    """The weeks, as in the names of partitions, that were over at *moment*."""
    rows = await connection.fetch(
        "SELECT relname FROM pg_class WHERE relname ~ '^message_[0-9]{4}_w[0-9]{2}$' ORDER BY 1"
    )
    weeks = [row["relname"].removeprefix("message_") for row in rows]
    return [week for week in weeks if datetime.strptime(f"{week} 1", "%G_w%V %u").replace(tzinfo=UTC) + WEEK <= moment]


async def _drop_one(connection: Connection, table: str, name: str) -> None:
    attached = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = to_regclass($1))", name
    )
    if attached:
        await connection.execute(f"ALTER TABLE {table} DETACH PARTITION {name} CONCURRENTLY")
    await connection.execute(f"DROP TABLE IF EXISTS {name}")


def _mondays(start: datetime, end: datetime) -> Iterator[datetime]:
    monday = (start - timedelta(days=start.weekday())).astimezone(UTC)
    monday = monday.replace(hour=0, minute=0, second=0, microsecond=0)
    while monday <= end:
        yield monday
        monday += WEEK
