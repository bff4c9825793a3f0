"""Removing what has been kept long enough: triggers and feed items in batches, messages as whole weeks."""

from __future__ import annotations

from datetime import timedelta

from clarion import clock, ids, sql
from clarion.store.database import Connection

_SQL = sql.load(__file__)

#: How many rows one call deletes.
BATCH = 1000


async def prune_triggers(connection: Connection, older_than: timedelta, limit: int = BATCH) -> int:
    """Delete at most *limit* triggers that ended and are older; how many went."""
    before = clock.now() - older_than
    gone: int = await connection.fetchval(_SQL["triggers"], ids.first_at(before), limit, before)
    return gone


async def prune_feed(connection: Connection, older_than: timedelta, limit: int = BATCH) -> int:
    """Delete at most *limit* items of feeds that are older; how many went. The counts of the feeds follow."""
    return await _prune(connection, "feed", older_than, limit)


async def prune_schedule_runs(connection: Connection, older_than: timedelta, limit: int = BATCH) -> int:
    """Delete at most *limit* runs of schedules that are older; how many went."""
    return await _prune(connection, "schedule_runs", older_than, limit)


async def count_triggers(connection: Connection, older_than: timedelta) -> int:
    """How many triggers `prune_triggers` would delete, one batch after the other."""
    before = clock.now() - older_than
    found: int = await connection.fetchval(_SQL["count_triggers"], ids.first_at(before), before)
    return found


async def count_timers(connection: Connection, older_than: timedelta) -> int:
    """How many timers `prune_timers` would delete."""
    found: int = await connection.fetchval(_SQL["count_timers"], older_than)
    return found


async def count_feed(connection: Connection, older_than: timedelta) -> int:
    """How many items of feeds `prune_feed` would delete."""
    return await _count(connection, "count_feed", older_than)


async def count_schedule_runs(connection: Connection, older_than: timedelta) -> int:
    """How many runs of schedules `prune_schedule_runs` would delete."""
    return await _count(connection, "count_schedule_runs", older_than)


async def _count(connection: Connection, statement: str, older_than: timedelta) -> int:
    found: int = await connection.fetchval(_SQL[statement], ids.first_at(clock.now() - older_than))
    return found


async def _prune(connection: Connection, statement: str, older_than: timedelta, limit: int) -> int:
    gone: int = await connection.fetchval(_SQL[statement], ids.first_at(clock.now() - older_than), limit)
    return gone


async def prune_timers(connection: Connection, older_than: timedelta, limit: int = BATCH) -> int:
    """Delete at most *limit* timers that fired or were cancelled longer ago; how many went."""
    gone: int = await connection.fetchval(_SQL["timers"], older_than, limit)
    return gone
