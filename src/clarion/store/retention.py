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
    gone: int = await connection.fetchval(_SQL["feed"], ids.first_at(clock.now() - older_than), limit)
    return gone


async def prune_timers(connection: Connection, older_than: timedelta, limit: int = BATCH) -> int:
    """Delete at most *limit* timers that fired or were cancelled longer ago; how many went."""
    gone: int = await connection.fetchval(_SQL["timers"], older_than, limit)
    return gone
