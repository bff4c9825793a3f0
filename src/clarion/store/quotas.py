"""How much tenants may have waiting and how many they may reach a day, and how much that is now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from clarion import sql
from clarion.store.database import Connection

_SQL = sql.load(__file__)

#: How far is looked into a lane, which other tenants may share: what lies behind is not counted.
_FAR: Final = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """The bounds of one tenant; None: any number."""

    #: Messages, and recipients to whom none is written yet, that may wait before nothing more is taken on.
    max_waiting: int | None
    #: Recipients that triggers of one day (UTC) may name.
    recipients_a_day: int | None


async def all_(connection: Connection) -> dict[UUID, Quota]:
    """The quotas of all tenants that have one."""
    rows = await connection.fetch(_SQL["all"])
    return {
        row["tenant_id"]: Quota(max_waiting=row["max_waiting"], recipients_a_day=row["recipients_a_day"])
        for row in rows
    }


async def put(connection: Connection, tenant_id: UUID, quota: Quota) -> None:
    """Give the tenant *quota*, in place of what it had."""
    await connection.execute(_SQL["put"], tenant_id, quota.max_waiting, quota.recipients_a_day)


async def lift(connection: Connection, tenant_id: UUID) -> None:
    """Bound the tenant by nothing."""
    await connection.execute(_SQL["lift"], tenant_id)


async def waiting(connection: Connection, tenant_id: UUID, *, lane: int, queues: Sequence[str]) -> int:
    """How many messages of the tenant, whose jobs are in *lane*, wait in *queues*, and recipients to whom none is
    written yet: due or not."""
    found: int = await connection.fetchval(_SQL["waiting"], tenant_id, lane, queues, _FAR)
    return found


async def reached(connection: Connection, tenant_id: UUID, since: UUID, settled: UUID) -> tuple[int, int]:
    """How many recipients triggers from the id *since* on name, and how many of them those before the id *settled*."""
    row = await connection.fetchrow(_SQL["reached"], tenant_id, since, settled)
    assert row is not None
    return row["all"], row["settled"]


async def members(connection: Connection, tenant_id: UUID, topics: Sequence[str]) -> int:
    """How many members the *topics* have together."""
    found: int = await connection.fetchval(_SQL["members"], tenant_id, topics)
    return found
