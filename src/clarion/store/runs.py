"""Runs that wait: loading them to go on, moving them, counting and showing them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from clarion import sql
from clarion.store.database import Connection

_SQL = sql.load(__file__)

_LAST_ID = UUID(int=(1 << 128) - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What becomes of one run that waits."""

    id: UUID
    #: ``running`` when it waits again, ``completed`` or ``cancelled``.
    status: str
    #: The step at which it waits, or how many steps there were; None leaves it as it was.
    step: int | None = None


async def load(connection: Connection, ids: Sequence[UUID]) -> Sequence[Mapping[str, Any]]:
    """Those of the runs *ids* that wait, with their recipients; who was deleted meanwhile comes with `known` false."""
    return await connection.fetch(_SQL["load"], ids, min(ids), max(ids))


async def move(connection: Connection, moves: Sequence[Move], *, slot: int) -> int:
    """Move runs that wait, by compare-and-set, and count; how many moved."""
    if not moves:
        return 0
    moves = sorted(moves, key=lambda one: one.id)
    ids = [one.id for one in moves]
    statuses, steps = [one.status for one in moves], [one.step for one in moves]
    return len(await connection.fetch(_SQL["move"], ids, ids[0], ids[-1], statuses, steps, slot))


async def count(connection: Connection, new: Mapping[tuple[UUID, UUID], int], *, slot: int) -> None:
    """Add runs that begin to wait to the counts: (trigger, tenant) → how many."""
    if new:
        triggers, tenants = zip(*new, strict=True)
        await connection.execute(_SQL["count"], triggers, tenants, list(new.values()), slot)


async def waiting(connection: Connection, trigger_ids: Sequence[UUID]) -> dict[UUID, int]:
    """How many runs of each trigger wait; one of which none ever did is left out."""
    if not trigger_ids:
        return {}
    return {row["trigger_id"]: row["waiting"] for row in await connection.fetch(_SQL["waiting"], trigger_ids)}


async def release(connection: Connection, trigger_ids: Iterable[UUID]) -> None:
    """Let those of these triggers be completed of which no run waits any more.

    After the commit of the moves, not with them: of two that move the last two runs at once neither sees the other's.
    """
    await connection.execute(_SQL["release"], list(trigger_ids))


async def unmark(connection: Connection, after: UUID, limit: int) -> UUID | None:
    """`release` a page of the triggers that are held to wait, behind *after*; where to go on, None at the end."""
    page = [row["id"] for row in await connection.fetch(_SQL["marked"], after, limit)]
    if page:
        await release(connection, page)
    return page[-1] if len(page) == limit else None


async def waiting_of_trigger(
    connection: Connection, tenant_id: UUID, trigger_id: UUID, after: UUID, limit: int
) -> list[UUID]:
    """A page of the ids of a trigger's runs that wait, in order, beginning behind *after*."""
    rows = await connection.fetch(_SQL["waiting_of_trigger"], tenant_id, trigger_id, after, limit)
    return [row["id"] for row in rows]


async def list_(
    connection: Connection,
    tenant_id: UUID,
    *,
    before: tuple[UUID, UUID] | None = None,
    limit: int = 50,
    trigger_id: UUID | None = None,
    workflow_key: str | None = None,
    recipient_id: str | None = None,
) -> Sequence[Mapping[str, Any]]:
    """Runs that wait and match every filter, those of the newest trigger first; *before* is a trigger and its run."""
    after = before or (_LAST_ID, _LAST_ID)
    return await connection.fetch(_SQL["list"], tenant_id, *after, limit, trigger_id, workflow_key, recipient_id)


async def get(connection: Connection, tenant_id: UUID, id: UUID) -> Mapping[str, Any] | None:
    """One run, or None."""
    row: Mapping[str, Any] | None = await connection.fetchrow(_SQL["get"], tenant_id, id)
    return row
