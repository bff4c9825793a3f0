"""Running what is due: one transaction writes the runs down, does their actions, and sets the next time.

Any number of workers may do this, and be killed at any moment: the schedule's row is locked, and a nominal time that
has a row of its own has been run (PROMISES P9).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import structlog

from clarion.domain.schedule import Due, due, wake_at
from clarion.domain.verdict import quarantined
from clarion.flows.do_runs import DoRuns, Run
from clarion.flows.slots import Slots
from clarion.queue import settle
from clarion.queue.job import Job
from clarion.store import schedule_runs, schedules
from clarion.store.database import Connection, Pool
from clarion.store.schedule_runs import NewRun
from clarion.store.schedules import Name, Row

log = structlog.get_logger()

#: Does jobs in the caller's transaction and says which queues have new ones; the number is its row in the tally.
_Work = Callable[[Connection, Sequence[Job], int], Awaitable[set[str]]]

#: Runs of one schedule in one transaction; what is left runs in the next.
_AT_ONCE = 50


class RunSchedules:
    """The handler of the jobs of schedules, and of those that somebody wants to run now."""

    def __init__(self, pool: Pool, do: DoRuns, *, wake: Callable[[str], None], slots: Slots) -> None:
        """*wake* is told which queues have new jobs."""
        self._pool = pool
        self._do = do
        self._wake = wake
        self._slots = slots

    async def run(self, jobs: Sequence[Job]) -> None:
        """Run what is due of the schedules of *jobs*."""
        async with self._pool.acquire() as connection:
            queues = await self._commit(connection, jobs, self._run)
        for queue in queues:
            self._wake(queue)

    async def run_now(self, jobs: Sequence[Job]) -> None:
        """Do the runs that *jobs* name, unless they were done."""
        async with self._pool.acquire() as connection:
            queues = await self._commit(connection, jobs, self._run_now)
        for queue in queues:
            self._wake(queue)

    async def _commit(self, connection: Connection, jobs: Sequence[Job], work: _Work) -> set[str]:
        with self._slots.lend() as slot:
            async with connection.transaction():
                return await work(connection, jobs, slot)

    async def _run(self, connection: Connection, jobs: Sequence[Job], slot: int) -> set[str]:
        rows = await schedules.hold(connection, [_name(job) for job in jobs])
        jobs = await _put_away(connection, jobs, rows, slot)
        now = await schedules.now(connection)
        answers: dict[Job, Due] = {}
        over: list[Job] = []
        for job in jobs:
            row = rows.get(_name(job))
            if row is None or row["paused_at"] is not None or row["next_at"] is None:
                over.append(job)
            else:
                answers[job] = due(schedules.of_row(row), next_at=row["next_at"], now=now)
        await settle.settle(connection, over, slot=slot)
        lost = await self._go_on(connection, answers, rows, slot)
        runs = [run for job, answer in answers.items() if job.id not in lost for run in _runs(rows[_name(job)], answer)]
        fresh = await schedule_runs.add(connection, runs)
        return await self._do(
            connection,
            [
                Run(row=rows[run.tenant_id, run.schedule_key], id=run.id, nominal_at=run.nominal_at, now=now)
                for run in runs
                if run.id in fresh
            ],
        )

    async def _go_on(
        self, connection: Connection, answers: Mapping[Job, Due], rows: Mapping[Name, Row], slot: int
    ) -> set[UUID]:
        """Move each job to its schedule's next time, and the schedule with it; the ids of jobs that others hold."""
        moves: dict[Job, tuple[datetime | None, datetime | None]] = {}
        again: dict[Job, datetime] = {}
        for job, answer in answers.items():
            ran, rest = answer.runs[:_AT_ONCE], answer.runs[_AT_ONCE:]
            next_at = rest[0] if rest else answer.next_at
            moves[job] = (next_at, ran[-1] if ran else None)
            if next_at is not None:
                again[job] = wake_at(schedules.of_row(rows[_name(job)]), next_at)
        lost = await settle.repeat(connection, again, slot=slot)
        lost |= await settle.settle(connection, [job for job in answers if job not in again], slot=slot)
        await schedules.advance(connection, {_name(job): move for job, move in moves.items() if job.id not in lost})
        for job, answer in answers.items():
            if answer.passed_over and job.id not in lost:
                log.warning("schedule.passed_over", schedule=job.key, times=answer.passed_over)
        return lost

    async def _run_now(self, connection: Connection, jobs: Sequence[Job], slot: int) -> set[str]:
        wanted = {job: UUID(hex=job.args["run"]) for job in jobs}
        held = await schedule_runs.hold(connection, wanted.values())
        rows = await schedules.hold(connection, [(run["tenant_id"], run["schedule_key"]) for run in held.values()])
        lost = await settle.settle(connection, jobs, slot=slot)
        now = await schedules.now(connection)
        todo, gone = [], {}
        for job, id in wanted.items():
            run = held.get(id)
            if run is None or job.id in lost:
                continue
            row = rows.get((run["tenant_id"], run["schedule_key"]))
            if row is None:
                gone[id] = schedule_runs.Ran(status="failed", error="the schedule was deleted before it ran")
            elif reason := quarantined(job.rescues):
                gone[id] = schedule_runs.Ran(status="failed", error=reason)
            else:
                todo.append(Run(row=row, id=id, nominal_at=run["nominal_at"], now=now, manual=True))
        await schedule_runs.record(connection, gone)
        return await self._do(connection, todo)


def _name(job: Job) -> Name:
    assert job.key is not None
    return job.tenant_id, job.key


def _runs(row: Row, answer: Due) -> list[NewRun]:
    schedule = schedules.of_row(row)
    return [
        NewRun(
            tenant_id=row["tenant_id"],
            schedule_key=row["key"],
            nominal_at=nominal,
            due_at=wake_at(schedule, nominal),
            passed_over=0 if number else answer.passed_over,
        )
        for number, nominal in enumerate(answer.runs[:_AT_ONCE])
    ]


async def _put_away(connection: Connection, jobs: Sequence[Job], rows: Mapping[Name, Row], slot: int) -> list[Job]:
    """Bury the jobs that took too many workers with them, and pause their schedules, so that it is seen; the others."""
    reasons = {job: reason for job in jobs if (reason := quarantined(job.rescues))}
    lost = await settle.bury(connection, reasons, slot=slot)
    for job, reason in reasons.items():
        if job.id not in lost and _name(job) in rows:
            await schedules.pause(connection, *_name(job), reason)
            log.error("schedule.quarantined", schedule=job.key, reason=reason)
    return [job for job in jobs if job not in reasons]
