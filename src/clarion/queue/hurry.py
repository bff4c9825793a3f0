"""Making jobs due now, whatever they waited for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from clarion import sql
from clarion.queue.job import Connection

_SQL = sql.load(__file__)


async def hurry(connection: Connection, ids: Sequence[UUID]) -> list[UUID]:
    """Those of the jobs *ids* that wait for their time are due now; the ids of these. Leased ones are done already."""
    return [row["id"] for row in await connection.fetch(_SQL["hurry"], ids)]


async def hurry_waiting(
    connection: Connection, queue: str, reason: str, *, within: timedelta, after: timedelta, most: int
) -> int:
    """Jobs of *queue* that were put off for a *reason* with these words and are due *within* so long, *most* of them at
    most, are due *after* so long; how many these were. The others keep their time.
    """
    moved: int = await connection.fetchval(_SQL["hurry_waiting"], queue, reason, within, after, most)
    return moved
