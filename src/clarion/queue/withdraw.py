"""Taking back jobs that nobody holds, by id."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from clarion import sql
from clarion.queue.job import Connection

_SQL = sql.load(__file__)


async def withdraw(connection: Connection, ids: Sequence[UUID]) -> list[UUID]:
    """Delete those of the jobs *ids* that wait; the ids of the deleted. Leased ones stay with whoever holds them."""
    return [row["id"] for row in await connection.fetch(_SQL["withdraw"], ids)]


async def drop(connection: Connection, ids: Sequence[UUID]) -> None:
    """Delete the jobs *ids*, also leased ones: whoever holds one has lost it, and learns that when it settles.

    Only for jobs whose work is decided by another row that the caller has locked: it may be done at this moment.
    """
    if ids:
        await connection.execute(_SQL["drop"], ids)
