"""Jobs over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from clarion import ids
from clarion.api import faults
from clarion.api.operation import Answer, Call, Operation, page, position
from clarion.api.schema.queues import JobReply, JobsQuestion, JobsReply
from clarion.api.services import Services
from clarion.domain.scope import Scope
from clarion.domain.workflow import Priority
from clarion.errors import Fault, NotFound
from clarion.flows import job_record
from clarion.ids import Prefix
from clarion.queue.lookup import Cursor, JobState, JobView


async def list_of_queue(services: Services, call: Call[JobsQuestion]) -> Answer:
    """A page of the tenant's jobs in one state."""
    asked = call.input
    after = position(services, call, asked.after)
    async with services.connection() as connection:
        found = await job_record.list_jobs(
            connection,
            call.path["name"],
            JobState(asked.state),
            tenant_id=call.tenant_id,
            after=_read_place(after, asked.state) if after else None,
            limit=asked.limit,
        )
    more = _write_place(found.next, asked.state) if found.next else None
    return page(services, call, [_shown(job) for job in found.jobs], more)


async def get(services: Services, call: Call[None]) -> Answer:
    """The job, or the record of it."""
    async with services.connection() as connection:
        job = await job_record.get(connection, call.tenant_id, parse_id(call.path["id"]))
    if job is None:
        raise NotFound(f"there is no job {call.path['id']}")
    return Answer(content=_shown(job))


def parse_id(text: str) -> UUID:
    """The id of a job; the job of a delivery may be named by its message, that of an expansion by its trigger."""
    head = text.partition("_")[0]
    return ids.parse(Prefix(head) if head in (Prefix.MESSAGE, Prefix.TRIGGER) else Prefix.JOB, text)


def _shown(job: JobView) -> dict[str, object]:
    id = ids.show(Prefix.JOB, job.id)
    return {
        "id": id,
        "href": f"/v1/jobs/{id}",
        "queue": job.queue,
        "kind": job.kind,
        "key": job.key,
        "priority": Priority(job.priority).label,
        "state": job.state.value,
        "run_at": job.run_at,
        "attempts": job.attempts,
        "rescues": job.rescues,
        "worker": job.worker,
        "lease_until": job.lease_until,
        "cancelled": job.cancelled,
        "args": job.args,
        "progress": job.progress,
        "error": job.error,
        "result": job.result,
        "finished_at": job.finished_at,
    }


def _write_place(place: Cursor, state: str) -> str:
    return f"{state} {place.priority} {place.at.isoformat()} {place.id.hex}"


def _read_place(written: str, state: str) -> Cursor:
    for_state, priority, at, id = written.split(" ")
    if for_state != state:
        fault = Fault("?after", f"this cursor is of the list of {for_state} jobs", "invalid_cursor")
        raise faults.invalid([fault])
    return Cursor(int(priority), datetime.fromisoformat(at), UUID(hex=id))


OPERATIONS: tuple[Operation[Any], ...] = (
    Operation(
        id="listJobs",
        method="GET",
        path="/v1/queues/{name}/jobs",
        summary="List the jobs of a queue in one state",
        scope=Scope.QUEUES_READ,
        run=list_of_queue,
        input=JobsQuestion,
        answers={200: JobsReply},
    ),
    Operation(
        id="getJob",
        method="GET",
        path="/v1/jobs/{id}",
        summary="Show a job, also a finished one while its record is kept",
        scope=Scope.QUEUES_READ,
        run=get,
        answers={200: JobReply},
    ),
)
