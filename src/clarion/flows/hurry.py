"""Cutting short the delay of one run: it goes on at once."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import structlog

from clarion import ids
from clarion.errors import Conflict, NotFound
from clarion.flows.rows import WAITING
from clarion.queue import hurry as queue_hurry
from clarion.store import runs
from clarion.store.database import Connection

log = structlog.get_logger()


async def hurry(connection: Connection, tenant_id: UUID, id: UUID, *, wake: Callable[[str], None]) -> None:
    """Make the job of run *id* due now. Again it changes nothing.

    Raises `NotFound`, or `Conflict` when it does not wait.
    """
    shown = ids.show(ids.Prefix.RUN, id)
    row = await runs.get(connection, tenant_id, id)
    if row is None:
        raise NotFound(f"There is no run {shown}.")
    if row["status"] != "running":
        raise Conflict(f"Run {shown} is {row['status']}: it does not wait.", code="not_waiting")
    await queue_hurry.hurry(connection, [id])
    log.info("run.hurried", run=shown)
    wake(WAITING)
