"""What is in feeds, of everybody: for the developer's page of all that was caught, beside what leaves the machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clarion import sql
from clarion.store.database import Connection

_SQL = sql.load(__file__)

#: As far back as is looked.
_FURTHEST = 10_000


async def count(connection: Connection) -> int:
    """How many there are, as far as is looked."""
    found: int = await connection.fetchval(_SQL["count"], _FURTHEST)
    return found


async def newest(connection: Connection, words: str, limit: int) -> Sequence[Mapping[str, Any]]:
    """The newest *limit* that have *words*, in lower case, in recipient, workflow, title or body."""
    return await connection.fetch(_SQL["newest"], words, _FURTHEST, limit)
