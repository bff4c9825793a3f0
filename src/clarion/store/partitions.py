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
TABLES = {"run": 100, "message": 75, "attempt": 75, "message_event": 100}

_WEEK = timedelta(days=7)

#: How far ahead partitions exist: an id from a clock that runs fast, or a scheduler that rests, must still find one.
AHEAD = 4 * _WEEK
#: How far back: messages keep the time of their id, and tests and imports write a little into the past.
BEHIND = _WEEK


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
            if await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", name):
                continue
            async with connection.transaction():
                await connection.execute("SELECT pg_advisory_xact_lock(hashtext($1))", name)
                if await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", name):
                    continue
                low, high = ids.first_at(monday), ids.first_at(monday + _WEEK)
                await connection.execute(
                    f"CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"
                    f" WITH (fillfactor = {fillfactor}, autovacuum_vacuum_scale_factor = 0.05,"
                    f" autovacuum_vacuum_cost_delay = 0);"
                    f" ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ('{low}') TO ('{high}')"
                )
                made.append(name)
    return made


def _mondays(start: datetime, end: datetime) -> Iterator[datetime]:
    monday = (start - timedelta(days=start.weekday())).astimezone(UTC)
    monday = monday.replace(hour=0, minute=0, second=0, microsecond=0)
    while monday <= end:
        yield monday
        monday += _WEEK
