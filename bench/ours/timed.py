"""Timers on a database of the run, set as the API sets them, and how late they fired."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from bench.servers.process import ProgramFailed
from clarion.domain.action import Publish
from clarion.flows.bootstrap import DEFAULT_TENANT, ensure_tenant
from clarion.flows.timers import NewTimer, set_timers
from clarion.store.database import set_up

PAGE = 1_000
#: How often it is looked whether all have fired; a look reads one entry of an index.
LOOK_EVERY_S = 0.01

# From the end of the index, where the last ones are: from its beginning each look would wade through all that fired.
PENDING = """
    SELECT id FROM timer WHERE tenant_id = $1 AND status = 'pending' ORDER BY fire_at DESC, id DESC LIMIT 1
"""
AGREE = """
    SELECT (SELECT count(*) FROM timer WHERE status = 'fired' AND failed IS NULL) AS fired,
           (SELECT count(*) FROM timer WHERE fired_at < fire_at) AS early,
           (SELECT count(DISTINCT args ->> 'id') FROM job WHERE queue = 'publish') AS published
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lateness:
    """How late each timer was by its own row, in seconds, and when all were seen to have fired and be committed."""

    each: Sequence[float]
    all_seen_at: datetime


class Timers:
    """One database."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def now(self) -> datetime:
        """By the clock that timers fire by."""
        now: datetime = await self._connection.fetchval("SELECT clock_timestamp()")
        return now

    async def set(self, count: int, first: datetime, apart: timedelta) -> None:
        """Set *count* timers from *first* on, *apart* from each other. Each publishes one message when it fires."""
        tenant = await ensure_tenant(self._connection, DEFAULT_TENANT)
        for at in range(0, count, PAGE):
            wanted = [
                NewTimer(
                    tenant_id=tenant,
                    key=f"order-{number}",
                    at=first + number * apart,
                    actions=[Publish(kind="nats", target={"subject": "expiration.complete"}, body={"orderId": number})],
                )
                for number in range(at, min(at + PAGE, count))
            ]
            async with self._connection.transaction():
                await set_timers(self._connection, wanted)
        if await self.now() > first:
            raise ProgramFailed(f"it took too long to set {count} timers: the first were due before the last was set")

    async def all_fired(self, count: int, *, timeout_s: float) -> Lateness:
        """Wait until all *count* have fired; none early, and each with its publication."""
        tenant = await ensure_tenant(self._connection, DEFAULT_TENANT)
        try:
            async with asyncio.timeout(timeout_s):
                while await self._connection.fetchval(PENDING, tenant):  # noqa: ASYNC110
                    await asyncio.sleep(LOOK_EVERY_S)
        except TimeoutError:
            raise ProgramFailed(f"not all of {count} timers fired within {timeout_s:.0f} s") from None
        seen = await self.now()
        agreed = await self._connection.fetchrow(AGREE)
        if agreed is None or tuple(agreed) != (count, 0, count):
            raise ProgramFailed(f"of {count} timers: {agreed}")
        rows = await self._connection.fetch("SELECT extract(epoch FROM fired_at - fire_at)::float8 FROM timer")
        return Lateness(each=[row[0] for row in rows], all_seen_at=seen)


@asynccontextmanager
async def timers(database: str) -> AsyncIterator[Timers]:
    """Speaks to *database*, past Clarion's processes."""
    connection = await asyncpg.connect(database)
    try:
        await set_up(connection)
        yield Timers(connection)
    finally:
        await connection.close()
