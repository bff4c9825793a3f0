"""Timers as rows. Their jobs are the queue's: `clarion.flows.timers` keeps the two together.

Everybody locks timers in the order of (tenant, key), and their jobs after them: so nobody waits in a circle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from clarion import sql
from clarion.store.database import Connection

_SQL = sql.load(__file__)

Row = Mapping[str, Any]
#: A timer by its tenant and key.
Name = tuple[UUID, str]


async def set_many(
    connection: Connection,
    timers: Sequence[tuple[UUID, UUID, str, datetime, list[dict[str, Any]], Mapping[str, Any]]],
) -> list[Row]:
    """Set timers, given as (id if it is new, tenant, key, time, actions, metadata), each key once.

    What has the key already gets the rest and is pending again. Answers id, tenant, key, time, and whether it is new.
    """
    # Both in one object: a list of lists would be taken for an array of two dimensions.
    rows = [
        (id, tenant, key, at, {"actions": actions, "metadata": metadata})
        for id, tenant, key, at, actions, metadata in sorted(timers, key=lambda timer: timer[1:3])
    ]
    return await connection.fetch(_SQL["set"], *zip(*rows, strict=True))


async def cancel_many(connection: Connection, names: Sequence[Name]) -> list[Row]:
    """Cancel those that are pending; id, tenant, key and former status of all that exist. Each name once."""
    return await connection.fetch(_SQL["cancel"], *_columns(names))


async def fire(connection: Connection, names: Sequence[Name]) -> list[Row]:
    """Fire those that are due by the database's clock, and take up again those whose actions failed.

    Of each that exists: id, tenant, key, and either what it says (`rev`, `actions`, … and the `failed` of them), or
    `remains`, how long it is still pending; neither of those that are over.
    """
    return await connection.fetch(_SQL["fire"], *_columns(names))


async def note_failures(connection: Connection, failures: Mapping[UUID, tuple[Sequence[int], str | None]]) -> None:
    """Write down which actions of fired timers could not be done and why; none, when all are done now."""
    # One array per row cannot be told from a matrix: the numbers go as text.
    ids = sorted(failures)
    failed = ["{" + ",".join(map(str, failures[id][0])) + "}" if failures[id][0] else None for id in ids]
    await connection.execute(_SQL["note_failures"], ids, failed, [failures[id][1] for id in ids])


async def now_and(connection: Connection, after: timedelta) -> datetime:
    """The time *after* from now, by the database's clock."""
    at: datetime = await connection.fetchval(_SQL["now_and"], after)
    return at


def _columns(names: Sequence[Name]) -> tuple[list[UUID], list[str]]:
    names = sorted(names)
    return [tenant for tenant, _ in names], [key for _, key in names]
