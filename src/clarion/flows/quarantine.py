"""Putting away the jobs of an expansion, or of a run, that kills whoever takes it on (PROMISES P14).

Its trigger stays as far as it has come: what it has written goes on, and when the buried job is redriven, so does the
rest. `clarion doctor` and the job itself say why it stands still until then.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from clarion import ids
from clarion.domain.verdict import quarantined
from clarion.flows.hearing import Hearing
from clarion.queue import settle
from clarion.queue.job import Job
from clarion.store.database import Connection

log = structlog.get_logger()


async def quarantine(
    connection: Connection,
    jobs: Sequence[Job],
    *,
    of: ids.Prefix = ids.Prefix.TRIGGER,
    slot: int = 0,
    hearing: Hearing | None = None,
) -> list[Job]:
    """Bury those of *jobs* that took too many workers with them, before anything of them is looked at; the others.

    *of* is what the jobs' ids are ids of.
    """
    reasons = {job: reason for job in jobs if (reason := quarantined(job.rescues))}
    if not reasons:
        return list(jobs)
    async with connection.transaction():
        lost = await settle.bury(connection, reasons, slot=slot)
        if hearing is not None:
            await hearing.buried(connection, reasons, lost)
    if hearing is not None:
        hearing.ring()
    for job, reason in reasons.items():
        if job.id not in lost:
            if of is ids.Prefix.RUN:
                log.error("run.quarantined", run=ids.show(of, job.id), reason=reason)
            else:
                log.error("trigger.quarantined", trigger=ids.show(of, job.id), reason=reason)
    return [job for job in jobs if job not in reasons]
