"""What may become of a claimed job. Every move is compare-and-set on the claim's fence: who lost the lease learns it.

Each function takes the caller's transaction, so that the job moves together with what was done, and answers the ids
of the jobs that are no longer ours. Rows are locked in the order of their ids, so that two settles cannot deadlock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from clarion import sql
from clarion.queue.job import Connection, Job, PutOff, held, lane_of, storable

_SQL = sql.load(__file__)


async def settle(
    connection: Connection,
    jobs: Sequence[Job],
    *,
    slot: int = 0,
    keep: bool = False,
    results: Mapping[UUID, object] | None = None,
) -> set[UUID]:
    """The work is done: the jobs go, or become ready again if their key was set meanwhile.

    With *keep* each leaves a record for its retention time, with its result. *slot* is the caller's row in the tally.
    """
    if not jobs:
        return set()
    ids, fences, revs = held(jobs)
    if keep or any(job.key is not None for job in jobs):
        by_id = {str(id): result for id, result in (results or {}).items()}
        return _lost(await connection.fetch(_SQL["settle_keyed"], ids, fences, revs, slot, keep, by_id))
    return _lost(await connection.fetch(_SQL["settle"], ids, fences, slot))


async def put_off(connection: Connection, jobs: Sequence[PutOff], *, slot: int = 0) -> set[UUID]:
    """Try again later. A job cancelled meanwhile goes; one set again meanwhile runs at its new time."""
    if not jobs:
        return set()
    jobs = sorted(jobs, key=lambda put: put.job.id)
    return _lost(
        await connection.fetch(
            _SQL["put_off"],
            *held(put.job for put in jobs),
            slot,
            [put.after for put in jobs],
            [put.error and storable(put.error) for put in jobs],
            [put.spent for put in jobs],
        )
    )


async def repeat(connection: Connection, jobs: Mapping[Job, datetime], *, slot: int = 0) -> set[UUID]:
    """The work is done for now: each is due again at its time. One cancelled meanwhile goes, one set again keeps it."""
    if not jobs:
        return set()
    in_order = sorted(jobs, key=lambda job: job.id)
    return _lost(await connection.fetch(_SQL["repeat"], *held(in_order), slot, [jobs[job] for job in in_order]))


async def release(connection: Connection, jobs: Sequence[Job], *, slot: int = 0) -> set[UUID]:
    """Give jobs back untouched, for others to claim at once: at a clean stop. No attempt is spent."""
    return await put_off(connection, [PutOff(job=job, after=None, spent=False) for job in jobs], slot=slot)


async def mark(connection: Connection, jobs: Mapping[Job, str]) -> set[UUID]:
    """Give jobs back untouched, each under the pace that it should have had. No attempt is spent."""
    if not jobs:
        return set()
    in_order = sorted(jobs, key=lambda job: job.id)
    ids, fences, _ = held(in_order)
    paces = [jobs[job] for job in in_order]
    lanes = [lane_of(job.tenant_id, pace) for job, pace in zip(in_order, paces, strict=True)]
    return _lost(await connection.fetch(_SQL["mark"], ids, fences, paces, lanes))


async def bury(connection: Connection, jobs: Mapping[Job, str], *, slot: int = 0) -> set[UUID]:
    """Failed for good, each with its reason: kept apart for inspection and redrive."""
    if not jobs:
        return set()
    in_order = sorted(jobs, key=lambda job: job.id)
    reasons = [storable(jobs[job]) for job in in_order]
    return _lost(await connection.fetch(_SQL["bury"], *held(in_order), slot, reasons))


async def extend(connection: Connection, jobs: Iterable[Job], lease: timedelta) -> set[UUID]:
    """The heartbeat: the lease of each is *lease* from now, unless it already ran out."""
    ids, fences, _ = held(jobs)
    return _lost(await connection.fetch(_SQL["extend"], ids, fences, lease)) if ids else set()


async def taken(connection: Connection, jobs: Iterable[Job]) -> set[UUID]:
    """Of *jobs*, whose claims are over: those whose lease ran out, so that others have them, or may.

    Not those that their holder has settled or given back itself: these are gone, or nobody had to rescue them.
    """
    in_order = sorted(jobs, key=lambda job: job.id)
    columns = [job.id for job in in_order], [job.fence for job in in_order], [job.rescues for job in in_order]
    return _lost(await connection.fetch(_SQL["taken"], *columns)) if in_order else set()


def _lost(rows: Sequence[Mapping[str, UUID]]) -> set[UUID]:
    return {row["id"] for row in rows}
