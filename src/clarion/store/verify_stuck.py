"""Triggers that stand still, though no promise is broken: somebody has to decide."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from clarion import sql
from clarion.store.database import Connection

_SQL = sql.load(__file__)


class Stuck(NamedTuple):
    """A trigger whose expansion, or a run of which, was put away."""

    id: UUID
    #: Where its job is buried.
    queue: str
    #: Why.
    reason: str


async def stuck(connection: Connection) -> list[Stuck]:
    """All triggers that do not go on before their buried job is redriven, the oldest first."""
    return [Stuck._make(row) for row in await connection.fetch(_SQL["stuck"])]
