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
