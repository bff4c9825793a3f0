"""Making jobs due now, whatever they waited for."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from clarion import sql
from clarion.queue.job import Connection

_SQL = sql.load(__file__)


async def hurry(connection: Connection, ids: Sequence[UUID]) -> list[UUID]:
    """Those of the jobs *ids* that wait for their time are due now; the ids of these. Leased ones are done already."""
    return [row["id"] for row in await connection.fetch(_SQL["hurry"], ids)]
