"""Schedules as rows. Their jobs are the queue's: `clarion.flows.schedules` keeps the two together.

Everybody locks schedules in the order of (tenant, key), and their jobs after them: so nobody waits in a circle.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from clarion import sql
from clarion.domain.schedule import CatchUp, Schedule
from clarion.store.database import Connection

_SQL = sql.load(__file__)

Row = Mapping[str, Any]
#: A schedule by its tenant and key.
Name = tuple[UUID, str]

#: Whose the system's own schedules are.
SYSTEM = UUID(int=0)


def of_row(row: Row) -> Schedule:
    """What a row says, without how far it has come."""
    return Schedule(
        key=row["key"],
        cron=row["cron"],
        timezone=row["timezone"],
        catch_up=CatchUp(row["catch_up"]),
        most=row["catch_up_limit"],
        jitter=row["jitter"],
        actions=row["actions"],
    )


async def get(connection: Connection, tenant_id: UUID, key: str) -> Row | None:
    """The schedule *key* of a tenant, or of the system: no tenant can have one of such a key."""
    row: Row | None = await connection.fetchrow(_SQL["get"], [tenant_id, SYSTEM], key)
    return row


async def list_(connection: Connection, tenant_id: UUID, after: str, limit: int) -> Sequence[Row]:
    """The next *limit* schedules of a tenant and of the system whose key comes behind *after*, by key."""
    return await connection.fetch(_SQL["list"], [tenant_id, SYSTEM], after, limit)


async def hold(connection: Connection, names: Iterable[Name]) -> dict[Name, Row]:
    """Those of *names* that exist; they are the caller's until its transaction ends."""
    in_order = sorted(set(names))
    rows = await connection.fetch(_SQL["hold"], [tenant for tenant, _ in in_order], [key for _, key in in_order])
    return {(row["tenant_id"], row["key"]): row for row in rows}


async def of_origin(connection: Connection, tenant_id: UUID, origin: str) -> list[str]:
    """The keys of a tenant's schedules that came from *origin*."""
    return [row["key"] for row in await connection.fetch(_SQL["of_origin"], tenant_id, origin)]


async def put(
    connection: Connection, tenant_id: UUID, schedule: Schedule, *, origin: str, hash: str, next_at: datetime | None
) -> Row:
    """Store a schedule; its row, with whether it is ``created``."""
    row: Row | None = await connection.fetchrow(
        _SQL["put"],
        tenant_id,
        schedule.key,
        origin,
        schedule.cron,
        schedule.timezone,
        schedule.catch_up.value,
        schedule.most,
        schedule.jitter,
        schedule.actions,
        hash,
        next_at,
    )
    assert row is not None
    return row


async def delete(connection: Connection, tenant_id: UUID, key: str) -> None:
    """Forget a schedule; the record of its runs stays for its time."""
    await connection.execute(_SQL["delete"], tenant_id, key)


async def pause(connection: Connection, tenant_id: UUID, key: str, reason: str | None = None) -> None:
    """Let it rest; nothing when it does already."""
    await connection.execute(_SQL["pause"], tenant_id, key, reason)


async def resume(connection: Connection, tenant_id: UUID, key: str, next_at: datetime | None) -> None:
    """Let it go on from *next_at*."""
    await connection.execute(_SQL["resume"], tenant_id, key, next_at)


async def advance(connection: Connection, moves: Mapping[Name, tuple[datetime | None, datetime | None]]) -> None:
    """How far each has come: its next nominal time, and the last one that ran where one did."""
    if moves:
        names = list(moves)
        await connection.execute(
            _SQL["advance"],
            [tenant for tenant, _ in names],
            [key for _, key in names],
            [moves[name][0] for name in names],
            [moves[name][1] for name in names],
        )


async def waiting(connection: Connection) -> int:
    """How many schedules of tenants have a next time and are not paused."""
    found: int = await connection.fetchval(_SQL["waiting"], SYSTEM)
    return found


async def jobless(connection: Connection, queue: str) -> Sequence[Row]:
    """Those that are not paused and have no job in *queue*: at most a thousand."""
    return await connection.fetch(_SQL["jobless"], queue)


async def now(connection: Connection) -> datetime:
    """The database's clock: the only one that says what is due."""
    moment: datetime = await connection.fetchval("SELECT clock_timestamp()")
    return moment
