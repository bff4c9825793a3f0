"""Adding jobs, always in the caller's transaction: they exist if and only if what caused them does."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from clarion import sql
from clarion.queue.job import Connection, NewJob, lane_of

_SQL = sql.load(__file__)

_COPY_COLUMNS = ("id", "tenant_id", "queue", "kind", "priority", "lane", "run_at", "key", "args", "pace")


class Alike(NamedTuple):
    """A job that has its queue and kind in common with others; see `NewJob`."""

    id: UUID
    tenant_id: UUID
    args: object = None
    priority: int = 2
    run_at: datetime | None = None


class Cancelled(StrEnum):
    """What became of a request to cancel."""

    CANCELLED = "cancelled"  #: it was waiting and is gone
    CANCELLING = "cancelling"  #: it runs; whoever runs it reads the mark before it acts
    TOO_LATE = "too_late"  #: there is no such job any more


async def add(connection: Connection, job: NewJob) -> UUID:
    """Add one job; its id.

    Raises asyncpg's UniqueViolationError when its key is taken: `set_by_key` is for keys that may be.
    """
    await connection.execute(_SQL["insert"], *_row(job), job.fence, job.pace)
    return job.id


async def add_many(connection: Connection, jobs: Sequence[NewJob]) -> None:
    """Add many jobs by COPY, the fastest way there is. A job without `run_at` is due at once."""
    moment = None
    if any(job.run_at is None for job in jobs):  # by the database's clock: one that is fast here would put them off
        moment = await connection.fetchval("SELECT clock_timestamp()")
    await copy(connection, [(*_row(job, moment), job.pace) for job in jobs])


async def add_alike(connection: Connection, *, queue: str, kind: str, jobs: Sequence[Alike]) -> None:
    """The same for jobs of one kind without keys and paces, at half the cost."""
    moment = await connection.fetchval("SELECT clock_timestamp()")
    await copy(
        connection,
        [
            (id, tenant, queue, kind, priority, lane_of(tenant), run_at or moment, None, args, None)
            for id, tenant, args, priority, run_at in jobs
        ],
    )


async def copy(connection: Connection, rows: Sequence[tuple[object, ...]]) -> None:
    """Add rows of (id, tenant_id, queue, kind, priority, lane, run_at, key, args, pace) by COPY."""
    await connection.copy_records_to_table("job", records=rows, columns=_COPY_COLUMNS)


async def set_by_key(connection: Connection, job: NewJob) -> UUID:
    """Add *job*, or give the one that has its key the new time and arguments; the id of the job that has the key.

    A job that is running meanwhile is left to run, and runs again at the new time: a set is never lost.
    """
    assert job.key is not None
    id: UUID = await connection.fetchval(_SQL["set"], *_row(job))
    return id


async def set_many(connection: Connection, jobs: Sequence[NewJob]) -> None:
    """The same as `set_by_key` for many, each with a key of its own. One due in the past is due now.

    For claims have passed what is long due, and would come back to it only after a while.
    """
    if not jobs:
        return
    rows = [(*_row(job), job.fence) for job in sorted(jobs, key=lambda job: job.id)]
    await connection.execute(_SQL["set_many"], *zip(*rows, strict=True))


async def cancel_by_key(connection: Connection, tenant_id: UUID, queue: str, key: str) -> Cancelled:
    """Take back the job that has *key*."""
    return Cancelled(await connection.fetchval(_SQL["cancel"], tenant_id, queue, key))


def _row(job: NewJob, moment: datetime | None = None) -> tuple[object, ...]:
    run_at = job.run_at or moment
    return (
        job.id,
        job.tenant_id,
        job.queue,
        job.kind,
        job.priority,
        lane_of(job.tenant_id, job.pace),
        run_at,
        job.key,
        job.args,
    )
