"""What people do with one timer: bring it back, let it fire now, forget it."""

from __future__ import annotations

from uuid import UUID

from clarion.errors import Conflict, NotFound
from clarion.flows.timers import plan
from clarion.queue import withdraw
from clarion.store import timer_lists, timers
from clarion.store.database import Connection


async def uncancel(connection: Connection, tenant_id: UUID, key: str) -> timers.Row:
    """Make a cancelled timer pending again, in the caller's transaction; it fires at once if its time is past.

    Raises `NotFound`, or `Conflict` when it is not cancelled.
    """
    row = await timers.uncancel(connection, tenant_id, key)
    if row is None:
        status = await _status(connection, tenant_id, key)
        raise Conflict(f"timer {key} is {status}: only a cancelled one can be un-cancelled", code="not_cancelled")
    await plan(connection, [row])
    return row


async def hurry(connection: Connection, tenant_id: UUID, key: str) -> timers.Row:
    """Let a pending timer fire now, in the caller's transaction. Raises `NotFound`, or `Conflict` when it is over."""
    row = await timers.hurry(connection, tenant_id, key)
    if row is None:
        status = await _status(connection, tenant_id, key)
        raise Conflict(f"timer {key} is {status}: only a pending one can be hurried", code="not_pending")
    await plan(connection, [row])
    return row


async def forget(connection: Connection, tenant_id: UUID, key: str) -> None:
    """Delete a timer, in the caller's transaction; a pending one never fires. Raises `NotFound`."""
    id = await timers.delete(connection, tenant_id, key)
    if id is None:
        raise NotFound(f"there is no timer {key}")
    await withdraw.drop(connection, [id])


async def _status(connection: Connection, tenant_id: UUID, key: str) -> str:
    row = await timer_lists.get(connection, tenant_id, key)
    if row is None:
        raise NotFound(f"there is no timer {key}")
    status: str = row["status"]
    return status
