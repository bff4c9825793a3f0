"""What a tenant's rows come to, counted one by one: the slow way, to hold quick counters and other books against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from clarion import sql
from clarion.store.database import Connection

_SQL = sql.load(__file__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many rows there are."""

    #: One for each recipient that a trigger was expanded to.
    runs: int
    #: {channel: {status: messages}}, what is there only.
    messages: Mapping[str, Mapping[str, int]]
    feed_items: int


async def count(connection: Connection, tenant_id: UUID) -> Tally:
    """The tally of one tenant. Reads every row: not for a system under load."""
    messages: dict[str, dict[str, int]] = {}
    for row in await connection.fetch(_SQL["messages"], tenant_id):
        messages.setdefault(row["channel"], {})[row["status"]] = row["messages"]
    return Tally(
        runs=await connection.fetchval(_SQL["runs"], tenant_id),
        messages=messages,
        feed_items=await connection.fetchval(_SQL["feed_items"], tenant_id),
    )


async def runs_of(connection: Connection, trigger_id: UUID) -> int:
    """How many runs a trigger has."""
    count: int = await connection.fetchval(_SQL["runs_of"], trigger_id)
    return count


async def ends(connection: Connection, trigger_id: UUID) -> tuple[datetime | None, datetime | None]:
    """When the last mail of a trigger was recorded as sent, and when the last item of it came into a feed."""
    sent: datetime | None = await connection.fetchval(_SQL["last_sent"], trigger_id)
    shown: datetime | None = await connection.fetchval(_SQL["last_in_feed"], trigger_id)
    return sent, shown
