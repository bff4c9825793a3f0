"""Pausing a queue: nothing of it is claimed until it is resumed. What is already claimed goes on."""

from __future__ import annotations

from clarion import sql
from clarion.queue.job import Connection

_SQL = sql.load(__file__)


async def pause(connection: Connection, queue: str) -> bool:
    """Stop claims of *queue*, whether or not it has ever had a job; whether that was news."""
    return bool(await connection.fetchval(_SQL["pause"], queue))


async def resume(connection: Connection, queue: str) -> bool:
    """Let *queue* be claimed again; whether it was paused. Whoever calls rings for it afterwards."""
    return bool(await connection.fetchval(_SQL["resume"], queue))


async def paused(connection: Connection) -> set[str]:
    """The names of the queues that are paused."""
    return {row["name"] for row in await connection.fetch(_SQL["paused"])}
