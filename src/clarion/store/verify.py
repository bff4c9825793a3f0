"""What must be true of the rows at any moment, as queries that find what is not."""

from __future__ import annotations

from datetime import timedelta

from clarion import sql
from clarion.store.database import Connection

_SQL = sql.load(__file__)

RULES = tuple(_SQL)

#: How many of the rows that break a rule are named.
_NAMED = 5


async def broken(connection: Connection, rule: str, *, two_leases: timedelta) -> tuple[int, list[str]]:
    """How many rows break *rule*, and the ids of a few of them."""
    query = f"SELECT count(*) AS n, (array_agg(id))[1:{_NAMED}] AS ids FROM ({_SQL[rule]}) AS found"  # noqa: S608
    parameters = [two_leases] if "$1" in _SQL[rule] else []
    row = await connection.fetchrow(query, *parameters)
    assert row is not None
    return row["n"], list(row["ids"] or [])
