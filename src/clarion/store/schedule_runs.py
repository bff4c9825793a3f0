"""What was done at which nominal time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from clarion import ids, sql
from clarion.store.database import Connection

_SQL = sql.load(__file__)

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRun:
    """A run of the sequence, about to be done."""

    tenant_id: UUID
    schedule_key: str
    nominal_at: datetime
    due_at: datetime
    passed_over: int = 0
    id: UUID = field(default_factory=ids.new)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What became of a run."""

    #: ``done``, ``failed``, or ``pending`` where what it began is under way.
    status: str
    error: str | None = None
    result: Mapping[str, Any] | None = None


async def add(connection: Connection, runs: Sequence[NewRun]) -> set[UUID]:
    """Write *runs* down; the ids of those that are now ours to do. The others were done before, by whomever."""
    if not runs:
        return set()
    columns = zip(
        *((r.id, r.tenant_id, r.schedule_key, r.nominal_at, r.due_at, r.passed_over) for r in runs), strict=True
    )
    return {row["id"] for row in await connection.fetch(_SQL["add"], *columns)}


async def add_manual(connection: Connection, tenant_id: UUID, key: str) -> Row:
    """Write down a run that somebody asked for."""
    row: Row | None = await connection.fetchrow(_SQL["add_manual"], ids.new(), tenant_id, key)
    assert row is not None
    return row


async def hold(connection: Connection, run_ids: Iterable[UUID]) -> dict[UUID, Row]:
    """Those of *run_ids* that are still to be done; they are the caller's until its transaction ends."""
    return {row["id"]: row for row in await connection.fetch(_SQL["hold"], sorted(set(run_ids)))}


async def record(connection: Connection, ran: Mapping[UUID, Ran]) -> None:
    """Write down what became of them."""
    if ran:
        in_order = sorted(ran)
        await connection.execute(
            _SQL["record"],
            in_order,
            [ran[id].status for id in in_order],
            [ran[id].error for id in in_order],
            [ran[id].result for id in in_order],
        )


async def get(connection: Connection, tenant_id: UUID, id: UUID) -> Row | None:
    """The run *id*."""
    row: Row | None = await connection.fetchrow(_SQL["get"], tenant_id, id)
    return row


async def list_(connection: Connection, tenant_id: UUID, key: str, *, before: UUID | None, limit: int) -> Sequence[Row]:
    """The newest *limit* runs of a schedule that came before the run *before*."""
    return await connection.fetch(_SQL["list"], tenant_id, key, before, limit)
