"""Weeks of runs, messages, attempts and events: made ahead, dropped when they are old.

A partition holds the ids made in one ISO week (UUIDv7 carries its time). All five tables have the same bounds, so that
a message and everything that hangs from it leave together. There is no DEFAULT partition: it would forbid
DETACH CONCURRENTLY.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import asyncpg

from clarion import ids
from clarion.store.database import Connection

#: Partitioned table → its key, and how full its pages are packed (room for HOT updates).
TABLES = {"run": 100, "message": 50, "attempt": 50, "message_event": 100, "engagement": 80}

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


async def drop(connection: Connection, older_than: timedelta) -> tuple[list[str], bool]:
    """Drop the weeks that ended more than *older_than* ago; the dropped partitions, and whether that was all there was.

    A week with a message that is still open, or a run that waits, stays. Readers and writers are not locked out: each
    partition is first detached concurrently. What waits too long for their transactions, or is killed half-way, is
    finished by the next call. To be called outside of a transaction; when somebody else does it, this does nothing.
    """
    if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _DROP_LOCK):
        return [], False
    dropped: list[str] = []
    try:
        for week in await over(connection, older_than):
            for table in TABLES:
                await _drop_one(connection, table, f"{table}_{week}")
                dropped.append(f"{table}_{week}")
    except (asyncpg.QueryCanceledError, asyncpg.LockNotAvailableError):
        return dropped, False
    finally:
        await connection.execute("SELECT pg_advisory_unlock($1)", _DROP_LOCK)
    return dropped, True


async def over(connection: Connection, older_than: timedelta) -> list[str]:
    """The weeks, as in names of partitions, that `drop` would drop: over for so long, and nothing in them is open."""
    now = await connection.fetchval("SELECT clock_timestamp()")
    found = []
    for week in await _weeks_before(connection, now - older_than):
        # One that was begun to be dropped has lost its runs first.
        if await _exists(connection, f"run_{week}") and await _exists(connection, f"message_{week}"):
            open_left = (
                f"SELECT EXISTS (SELECT FROM run_{week} WHERE status = 'running')"  # noqa: S608
                f" OR EXISTS (SELECT FROM message_{week} WHERE status IN ('queued', 'sending'))"
            )
            if await connection.fetchval(open_left):
                continue
        found.append(week)
    return found


def week_of(partition: str) -> str:
    """The week in the name of a partition."""
    return partition[-len("2026_w01") :]


async def _weeks_before(connection: Connection, moment: datetime) -> list[str]:
    """The weeks, as in the names of partitions, that were over at *moment*."""
    rows = await connection.fetch(
        "SELECT DISTINCT right(relname, 8) AS week FROM pg_class WHERE relkind = 'r'"
        " AND relname ~ $1 AND relnamespace = current_schema()::regnamespace ORDER BY 1",
        f"^({'|'.join(TABLES)})_[0-9]{{4}}_w[0-9]{{2}}$",
    )
    weeks = [row["week"] for row in rows]
    return [week for week in weeks if datetime.strptime(f"{week} 1", "%G_w%V %u").replace(tzinfo=UTC) + WEEK <= moment]


async def _drop_one(connection: Connection, table: str, name: str) -> None:
    attached = await connection.fetchrow(
        "SELECT inhdetachpending AS pending FROM pg_inherits WHERE inhrelid = to_regclass($1)", name
    )
    if attached is not None:
        how = "FINALIZE" if attached["pending"] else "CONCURRENTLY"
        await connection.execute(f"ALTER TABLE {table} DETACH PARTITION {name} {how}")
    await connection.execute(f"DROP TABLE IF EXISTS {name}")


def _mondays(start: datetime, end: datetime) -> Iterator[datetime]:
    monday = (start - timedelta(days=start.weekday())).astimezone(UTC)
    monday = monday.replace(hour=0, minute=0, second=0, microsecond=0)
    while monday <= end:
        yield monday
        monday += WEEK
