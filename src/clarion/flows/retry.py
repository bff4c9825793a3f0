"""Retrying a message by hand: only one that failed, expired, or of which nobody knows."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping
from typing import Any
from uuid import UUID

import structlog

from clarion import clock, ids
from clarion.domain.status import RETRYABLE, Status
from clarion.domain.workflow import Workflow
from clarion.errors import Conflict, NotFound
from clarion.flows.marks import pace_now
from clarion.flows.rows import DELIVER
from clarion.flows.suppressed import stops
from clarion.queue import add, buried
from clarion.queue.job import NewJob
from clarion.store import messages, triggers, workflows
from clarion.store.database import Connection

log = structlog.get_logger()

_FENCES = 1_000_000_000


async def retry(
    connection: Connection, tenant_id: UUID, id: UUID, *, wake: Callable[[str], None], critical: Collection[str] = ()
) -> None:
    """Queue message *id* again, with all its attempts before it and a new deadline.

    Raises `NotFound`, or `Conflict` when its status does not allow it, its trigger was cancelled, or its address is
    suppressed; *critical* are the categories that nobody can unsubscribe from.
    """
    shown = ids.show(ids.Prefix.MESSAGE, id)
    async with connection.transaction():
        row = await messages.get(connection, tenant_id, id)
        if row is None:
            raise NotFound(f"There is no message {shown}.")
        status = Status(row["status"])
        if status not in RETRYABLE:
            allowed = ", ".join(sorted(RETRYABLE))
            raise Conflict(
                f"Message {shown} is {status}: only one that is {allowed} can be retried.", code="not_retryable"
            )
        trigger = (await triggers.load(connection, [row["trigger_id"]])).get(row["trigger_id"])
        if trigger is None or trigger["tombstone"]:
            raise Conflict(f"The trigger of message {shown} was cancelled or is gone.", code="not_retryable")
        (version,) = await workflows.versions(connection, [trigger["workflow_version_id"]])
        workflow = Workflow.from_json(version["definition"])
        await _check_address(connection, row, workflow, critical)
        expires_at = clock.now() + workflow.expires_after
        if not await messages.requeue(connection, tenant_id, id, old=status, expires_at=expires_at):
            raise Conflict(f"Message {shown} was retried by somebody else just now.", code="not_retryable")
        await buried.forget(connection, id)
        job = NewJob(
            id=id,
            queue=row["channel"],
            kind=DELIVER,
            tenant_id=tenant_id,
            priority=trigger["priority"],
            fence=random.randrange(_FENCES),  # noqa: S311 - far from that of any earlier job of this message
            pace=await pace_now(connection, tenant_id, workflow),
        )
        await add.add(connection, job)
        await messages.note(connection, tenant_id, id, "retried", f"by hand; it was {status}")
    log.info("message.retried", message=shown, was=status.value)
    wake(row["channel"])


async def _check_address(
    connection: Connection, row: Mapping[str, Any], workflow: Workflow, critical: Collection[str]
) -> None:
    """Raise `Conflict` where the message would only be skipped."""
    if row["address"] is None:
        return
    stopped = await stops(connection, row["tenant_id"], row["channel"], row["address"], workflow, critical)
    if stopped is not None:
        suppression, why = stopped
        raise Conflict(
            f"The address of message {ids.show(ids.Prefix.MESSAGE, row['id'])} is suppressed: {why}."
            f" Lift {ids.show(ids.Prefix.SUPPRESSION, suppression)} first, if it may be written to again.",
            code="suppressed",
        )
