"""Looking at jobs, in whatever state they are; and the progress that a running one reports."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from clarion import sql
from clarion.queue.job import LANES, LAST_PRIORITY, Connection, Job, lane_of

_SQL = sql.load(__file__)


class JobState(StrEnum):
    """Where a job is in its life. Each line says how it got here and who moves it on."""

    READY = "ready"  #: due; a worker will claim it
    SCHEDULED = "scheduled"  #: due later: added so, or put off; becomes ready by the clock
    RUNNING = "running"  #: leased to a worker, which settles it; the rescuer gives it back if the lease runs out
    DONE = "done"  #: finished; the record goes with its retention time
    BURIED = "buried"  #: failed for good; an operator may redrive it


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """A job in any state. What a state does not have is None."""

    id: UUID
    tenant_id: UUID
    queue: str
    kind: str
    key: str | None
    priority: int
    state: JobState
    #: When it is, or was, due; None once it is done or buried.
    run_at: datetime | None
    #: Tries so far, the present one included.
    attempts: int
    rescues: int
    #: Who runs it, and until when it is theirs.
    worker: str | None
    lease_until: datetime | None
    #: It is to go as soon as its worker looks.
    cancelled: bool
    args: Any
    #: What the running job last said of itself.
    progress: Any
    #: What went wrong last.
    error: str | None
    result: Any
    finished_at: datetime | None


class Cursor(NamedTuple):
    """Where a page ended: the job's own place in the order of its list."""

    priority: int
    at: datetime
    id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some jobs, and where the next page begins; None when there is none."""

    jobs: list[JobView]
    next: Cursor | None


async def get(connection: Connection, tenant_id: UUID, id: UUID) -> JobView | None:
    """The job *id* of this tenant; None when there is none, or its record is gone.

    An id may come back to life (a redrive, a retry): the living job is answered rather than its record.
    """
    row = await connection.fetchrow(_SQL["get"], tenant_id, id)
    return _view(row) if row else None


async def list_jobs(
    connection: Connection,
    queue: str,
    state: JobState,
    *,
    tenant_id: UUID | None = None,
    after: Cursor | None = None,
    limit: int = 50,
) -> Page:
    """A page of the jobs of *queue* in *state*, of one tenant where given.

    Ready and scheduled ones in the order in which they run; running ones by the end of their leases, so that one
    whose lease is renewed meanwhile may be seen again; done and buried ones newest first.
    """
    arguments: tuple[object, ...] = (queue, tenant_id, *(after or _START[state]), limit + 1)
    if state in (JobState.READY, JobState.SCHEDULED):
        paced = [row["lane"] for row in await connection.fetch(_SQL["paced"], queue, LANES)]
        lanes = [*(range(LANES) if tenant_id is None else [lane_of(tenant_id)]), *paced]
        arguments += ([p for p in range(LAST_PRIORITY + 1) for _ in lanes], [*lanes] * (LAST_PRIORITY + 1))
    rows = await connection.fetch(_SQL[f"list_{state}"], *arguments)
    more = len(rows) > limit
    rows = rows[:limit]
    end = Cursor(rows[-1]["priority"], rows[-1]["at"], rows[-1]["id"]) if more else None
    return Page(jobs=[_view(row) for row in rows], next=end)


async def set_progress(connection: Connection, job: Job, progress: object) -> bool:
    """Note how far *job* has come, any JSON; whether it is still ours. The last note stands until the job ends."""
    return bool(await connection.fetchval(_SQL["set_progress"], job.id, job.fence, progress))


_NO_ID = UUID(int=0)
_LAST_ID = UUID(int=(1 << 128) - 1)
_FIRST = Cursor(-1, datetime(1, 1, 2, tzinfo=UTC), _NO_ID)
_LAST = Cursor(0, datetime(9999, 12, 31, tzinfo=UTC), _LAST_ID)

_START = {
    JobState.READY: _FIRST,
    JobState.SCHEDULED: _FIRST,
    JobState.RUNNING: _FIRST,
    JobState.DONE: _LAST,
    JobState.BURIED: _LAST,
}


def _view(row: Any) -> JobView:
    fields = {name: value for name, value in row.items() if name != "at"}
    return JobView(**(fields | {"state": JobState(fields["state"])}))
