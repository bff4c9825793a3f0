"""The system's own schedules: ordinary ones, seen and run by hand like any other, whose actions are its duties.

What the engine itself lives by (rescuing, completing triggers, making partitions, signs of life) is none of them: a
paused schedule must never stop it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog

from clarion.domain.schedule import CatchUp, Schedule
from clarion.flows import retention, schedules
from clarion.flows.do_runs import SYSTEM_ACTION
from clarion.flows.retention import Ages
from clarion.flows.slots import Slots
from clarion.queue import settle
from clarion.queue.job import Job
from clarion.store import partitions, schedule_runs
from clarion.store import schedules as rows
from clarion.store.database import Connection, Pool

log = structlog.get_logger()

#: No key of a tenant has a dot.
PREFIX = "system."
#: Kinds of jobs in the queue `system`.
RETENTION, TIDY = "retention", "tidy"

SCHEDULES = (
    Schedule(
        key=f"{PREFIX}{RETENTION}",
        cron="*/5 * * * *",
        catch_up=CatchUp.ONE,
        jitter=timedelta(minutes=1),
        actions=[{SYSTEM_ACTION: RETENTION}],
    ),
    Schedule(
        key=f"{PREFIX}metrics",
        cron="*/10 * * * *",
        catch_up=CatchUp.ONE,
        jitter=timedelta(minutes=1),
        actions=[{SYSTEM_ACTION: TIDY}],
    ),
)


class Keeper:
    """A duty of the engine: the system's schedules are there, and each that is not paused has its job."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def run_once(self) -> int:
        """Make what is missing; how many schedules that were."""
        async with self._pool.acquire() as connection, connection.transaction():
            done = await schedules.put(connection, rows.SYSTEM, SCHEDULES, origin="system")
            lost = await rows.jobless(connection, schedules.QUEUE)
            held = await rows.hold(connection, [(row["tenant_id"], row["key"]) for row in lost])
            for row in held.values():
                if row["paused_at"] is None:
                    log.warning("schedule.had_no_job", schedule=row["key"])
                    await schedules.set_job(connection, row)
        return sum(one.changed for one in done) + len(lost)


class Partitions:
    """A duty of the engine: there is room for the messages of the coming weeks."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def run_once(self) -> int:
        """Make the partitions that are missing; how many that were."""
        async with self._pool.acquire() as connection:
            if made := await partitions.ensure(connection):
                log.info("partitions.made", partitions=made)
        return len(made)


class Duties:
    """The handlers of the duties that the system's schedules begin."""

    def __init__(self, pool: Pool, ages: Ages, *, slots: Slots) -> None:
        self._pool = pool
        self._ages = ages
        self._slots = slots

    @property
    def handlers(self) -> Mapping[str, Callable[[Sequence[Job]], Awaitable[None]]]:
        """By kind of job."""
        return {RETENTION: self.retention, TIDY: self.tidy}

    async def retention(self, jobs: Sequence[Job]) -> None:
        """Remove what has been kept long enough."""

        async def work(connection: Connection) -> dict[str, Any]:
            pruned = await retention.prune(connection, self._ages)
            return {what.value: asdict(one) for what, one in pruned.removed.items()}

        await self._do(jobs, work)

    async def tidy(self, jobs: Sequence[Job]) -> None:
        """Fold the counts that the metrics are made of, and forget workers that are gone."""

        async def work(connection: Connection) -> dict[str, Any]:
            return {"rows": await retention.tidy(connection)}

        await self._do(jobs, work)

    async def _do(self, jobs: Sequence[Job], work: Callable[[Connection], Awaitable[dict[str, Any]]]) -> None:
        """Do it once for all of *jobs*: it is the same whoever asked. A worker that dies leaves it to the next."""
        async with self._pool.acquire() as connection:
            result = await work(connection)
            with self._slots.lend() as slot:
                async with connection.transaction():
                    runs = await schedule_runs.hold(connection, [UUID(hex=job.args["run"]) for job in jobs])
                    ran = schedule_runs.Ran(status="done", result=result)
                    await schedule_runs.record(connection, dict.fromkeys(runs, ran))
                    await settle.settle(connection, jobs, slot=slot)
