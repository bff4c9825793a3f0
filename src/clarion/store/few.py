"""Writing a few rows of runs, messages and jobs in one round trip, where COPY takes two for each table.

For a handful that is what counts: a lone trigger beside a busy worker waits its turn for each. For many COPY is faster.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from clarion import sql
from clarion.store.database import Connection

_SQL = sql.load(__file__)

#: At most so many rows of a kind are few.
FEW = 25

Row = tuple[object, ...]


async def insert(connection: Connection, runs: Sequence[Row], messages: Sequence[Row], jobs: Sequence[Row]) -> None:
    """Write the rows, their columns in the order in which `flows.rows` and `queue.add.copy` have them."""
    await connection.execute(
        _SQL["insert"], *(orjson.dumps(rows, default=str).decode() for rows in (runs, messages, jobs))
    )
