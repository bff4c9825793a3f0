"""Jobs as people see them: also those that left no row of their own, because what they did is the record.

The job of a delivery has its message's id, that of an expansion its trigger's. Once settled they are gone from the
queue, and the message or the trigger says what became of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from clarion import ids
from clarion.domain.status import OPEN, Status
from clarion.domain.workflow import Priority
from clarion.flows.expand import KIND, QUEUE
from clarion.flows.rows import DELIVER
from clarion.queue import lookup
from clarion.queue.lookup import Cursor, JobState, JobView, Page
from clarion.store import messages, triggers
from clarion.store.database import Connection


async def get(connection: Connection, tenant_id: UUID, id: UUID) -> JobView | None:
    """The job *id* in any state, or what its message or trigger says of it; None when nobody knows it."""
    job = await lookup.get(connection, tenant_id, id)
    if job is not None and job.kind != KIND:
        return job
    trigger = await triggers.get(connection, tenant_id, id)
    if trigger is not None:
        return _of_trigger(trigger, job)
    if job is not None:
        return job
    message = await messages.get(connection, tenant_id, id)
    return _of_message(message, tenant_id) if message is not None and message["status"] not in OPEN else None


async def list_jobs(
    connection: Connection, queue: str, state: JobState, *, tenant_id: UUID, after: Cursor | None, limit: int
) -> Page:
    """A page of one tenant's jobs of *queue* in *state*; finished deliveries are listed from their messages."""
    found = await lookup.list_jobs(connection, queue, state, tenant_id=tenant_id, after=after, limit=limit)
    if state is not JobState.DONE or found.jobs:
        return found
    rows = await messages.list_(
        connection, tenant_id, before=after.id if after else None, limit=limit + 1, channel=queue
    )
    shown = rows[:limit]
    last = Cursor(0, ids.made_at(shown[-1]["id"]), shown[-1]["id"]) if len(rows) > limit else None
    return Page(jobs=[_of_message(row, tenant_id) for row in shown if row["status"] not in OPEN], next=last)


def _of_trigger(row: Mapping[str, Any], job: JobView | None) -> JobView:
    progress = {"expanded": row["expanded"], "total": row["total"]}
    if job is not None:
        return replace(job, progress=progress)
    done = _done(row["id"], QUEUE, KIND, row["priority"], {"status": row["status"]})
    return replace(done, progress=progress, finished_at=row["expanded_at"] or row["cancelled_at"])


def _of_message(row: Mapping[str, Any], tenant_id: UUID) -> JobView:
    result = {"status": row["status"], "provider_message_id": row["provider_message_id"]}
    done = _done(row["id"], row["channel"], DELIVER, Priority.NORMAL, result)
    failed = row["status"] == Status.FAILED
    return replace(
        done,
        tenant_id=tenant_id,
        state=JobState.BURIED if failed else JobState.DONE,
        attempts=row["attempts"],
        error=row["reason"],
        finished_at=row["ended_at"],
    )


def _done(id: UUID, queue: str, kind: str, priority: int, result: object) -> JobView:
    return JobView(
        id=id,
        tenant_id=UUID(int=0),
        queue=queue,
        kind=kind,
        key=None,
        priority=priority,
        state=JobState.DONE,
        run_at=None,
        attempts=1,
        rescues=0,
        worker=None,
        lease_until=None,
        cancelled=False,
        args=None,
        progress=None,
        error=None,
        result=result,
        finished_at=None,
    )
