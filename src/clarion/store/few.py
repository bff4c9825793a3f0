"""Expanding a few small triggers to their end in one round trip, where a page takes some ten.

For a handful that is what counts: a lone trigger beside a busy worker waits its turn for each. For many COPY is faster.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

import asyncpg
import orjson

from clarion import sql
from clarion.errors import LostLease
from clarion.store.database import Connection
from clarion.store.triggers import Expanded, Overtaken

_SQL = sql.load(__file__)

#: At most so many rows of a kind are few.
FEW = 20

Row = tuple[object, ...]


async def expand(
    connection: Connection,
    pages: Sequence[Expanded],
    fences: Mapping[UUID, int],
    *,
    runs: Sequence[Row],
    messages: Sequence[Row],
    jobs: Sequence[Row],
    claim: Sequence[str],
    worker: str,
    lease: timedelta,
    slot: int,
) -> set[UUID]:
    """Write the last *pages* of triggers, in which no run waits; their own jobs, claimed with *fences*, leave.

    The columns of the rows are those of `flows.rows` and `queue.add.copy`. Jobs of the queues *claim* that are not
    paused are added as claimed by *worker* for *lease*, as its first claim would leave them; answers their ids. It
    commits by itself, so it must not stand in a transaction. Raises `LostLease` and `Overtaken`; then nothing is
    written.
    """
    assert not connection.is_in_transaction()
    pages = sorted(pages, key=lambda page: page.id)
    try:
        claimed = await connection.fetchval(
            _SQL["expand"],
            [page.id for page in pages],
            [fences[page.id] for page in pages],
            [page.behind for page in pages],
            [page.cursor for page in pages],
            [page.more for page in pages],
            slot,
            *(orjson.dumps(rows, default=str).decode() for rows in (runs, messages, jobs)),
            claim,
            worker,
            lease,
        )
    except asyncpg.PostgresError as error:
        if error.sqlstate == "CL001":
            raise LostLease from None
        if error.sqlstate == "CL002":
            raise Overtaken from None
        raise
    return set(claimed)
