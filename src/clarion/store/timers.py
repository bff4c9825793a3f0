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


async def fire(connection: Connection, wanted: Mapping[Name, UUID]) -> list[Row]:
    """Fire those that are due by the database's clock, and take up again those whose actions failed; ids by names.

    Of each that exists: id, tenant, key, and either what it says (`rev`, `actions`, … and the `failed` of them), or
    `remains`, how long it is still pending; neither of those that are over.
    """
    return await connection.fetch(_SQL["fire"], [wanted[name] for name in sorted(wanted)])


async def note_failures(connection: Connection, notes: Sequence[tuple[UUID, int, Sequence[int], str | None]]) -> None:
    """Write down, by id and rev, which actions could not be done and why; none, when all are done now.

    One that was set again meanwhile, by its own actions, keeps nothing of it.
    """
    # Lists of different lengths are no array: the numbers go as text.
    rows = [
        (
            id,
            rev,
            "{" + ",".join(map(str, failed)) + "}" if failed else None,
            error if failed else None,
        )
        for id, rev, failed, error in notes
    ]
    await connection.execute(_SQL["note_failures"], *zip(*rows, strict=True))


async def uncancel(connection: Connection, tenant_id: UUID, key: str) -> Row | None:
    """Make a cancelled timer pending again; its row, or None when there is no cancelled one."""
    return await connection.fetchrow(_SQL["uncancel"], tenant_id, key)


async def hurry(connection: Connection, tenant_id: UUID, key: str) -> Row | None:
    """Let a pending timer be due now; its row, or None when there is no pending one."""
    return await connection.fetchrow(_SQL["hurry"], tenant_id, key)


async def delete(connection: Connection, tenant_id: UUID, key: str) -> UUID | None:
    """Forget a timer; its id, or None when there is none."""
    id: UUID | None = await connection.fetchval(_SQL["delete"], tenant_id, key)
    return id


async def now_and(connection: Connection, after: timedelta) -> datetime:
    """The time *after* from now, by the database's clock."""
    at: datetime = await connection.fetchval(_SQL["now_and"], after)
    return at


def _columns(names: Sequence[Name]) -> tuple[list[UUID], list[str]]:
    names = sorted(names)
    return [tenant for tenant, _ in names], [key for _, key in names]
