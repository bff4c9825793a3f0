"""Doing what bindings say when something has happened in Clarion itself: a job is one event for one binding.

All that a job causes and its end are one transaction, so it is done once. What cannot be done, now or ever, is buried
with its reason, and a redrive does all of it anew: nothing of a failed one stays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
import structlog

from clarion import clock, ids
from clarion.domain.binding_compiled import Compiled
from clarion.domain.event import Event
from clarion.domain.verdict import quarantined
from clarion.errors import ClarionError, LostLease
from clarion.flows.act import Act, Deed
from clarion.flows.bindings import Bindings
from clarion.flows.slots import Slots
from clarion.ids import Prefix
from clarion.queue import settle
from clarion.queue.job import Job
from clarion.store import own_events
from clarion.store.database import Connection, Pool

log = structlog.get_logger()

#: What the database says of data that it cannot take: of the one, not of all.
_OF_DATA = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, asyncpg.ProgramLimitExceededError)


class _Failed(Exception):
    """Some of the jobs cannot be done: nothing that was done together with them may stay."""

    def __init__(self, reasons: Mapping[Job, str]) -> None:
        super().__init__()
        self.reasons = reasons


class React:
    """The handler of `react` jobs."""

    def __init__(self, pool: Pool, bindings: Bindings, act: Act, *, wake: Callable[[str], None], slots: Slots) -> None:
        self._pool = pool
        self._bindings = bindings
        self._act = act
        self._wake = wake
        self._slots = slots

    async def __call__(self, jobs: Sequence[Job]) -> None:
        """Do what the binding of each job says of its event. A binding that is gone by now says nothing."""
        if any(self._compiled(job) is None for job in jobs):  # published just now, and known to others before us
            await self._bindings.refresh()
        with self._slots.lend() as slot:
            async with self._pool.acquire() as connection:
                deeds, reasons = await self._read(connection, jobs)
                queues = await self._do_all(
                    connection, [job for job in jobs if job not in reasons], deeds, reasons, slot
                )
                lost = await settle.bury(connection, reasons, slot=slot)
        for job, reason in reasons.items():
            if job.id not in lost:
                log.error(
                    "binding.failed", job=ids.show(Prefix.JOB, job.id), binding=job.args["binding"], reason=reason
                )
        for queue in queues:
            self._wake(queue)

    async def _read(self, connection: Connection, jobs: Sequence[Job]) -> tuple[dict[Job, list[Deed]], dict[Job, str]]:
        """What each job is to do, and why some cannot be read."""
        reasons = {job: reason for job in jobs if (reason := quarantined(job.rescues))}
        deeds: dict[Job, list[Deed]] = {}
        events = await _events(connection, [job for job in jobs if job not in reasons])
        now = clock.now()
        for job, event in events.items():
            compiled = self._compiled(job)
            try:
                actions = compiled.actions(event, now) if compiled is not None else ()
            except ClarionError as error:
                reasons[job] = f"{error.code}: {error.message}"
                continue
            deeds[job] = [
                Deed(
                    tenant_id=job.tenant_id,
                    action=action,
                    cause=f"event:{event.id}/{number}",
                    sandbox=job.args.get("sandbox", False),
                )
                for number, action in enumerate(actions)
            ]
        return deeds, reasons

    def _compiled(self, job: Job) -> Compiled | None:
        bound = self._bindings.listening(job.tenant_id, job.args["type"])
        return next((one.compiled for one in bound if one.key == job.args["binding"]), None)

    async def _do_all(
        self,
        connection: Connection,
        jobs: Sequence[Job],
        deeds: Mapping[Job, list[Deed]],
        reasons: dict[Job, str],
        slot: int,
    ) -> set[str]:
        """Do the deeds of *jobs* and settle them; what fails is noted in *reasons*, the others are done."""
        waiting = list(jobs)
        while waiting:
            try:
                async with connection.transaction():
                    return await self._do(connection, waiting, deeds, slot)
            except LostLease as lost:
                waiting = [job for job in waiting if job.id not in lost.jobs]
            except _Failed as failed:
                reasons.update(failed.reasons)
                waiting = [job for job in waiting if job not in failed.reasons]
            except _OF_DATA as error:
                if len(waiting) == 1:
                    reasons[waiting[0]] = f"cannot_be_stored: {error}"
                    return set()
                queues = [await self._do_all(connection, [job], deeds, reasons, slot) for job in waiting]
                return set().union(*queues)
        return set()

    async def _do(
        self, connection: Connection, jobs: Sequence[Job], deeds: Mapping[Job, list[Deed]], slot: int
    ) -> set[str]:
        lost = await settle.settle(connection, jobs, slot=slot)
        if lost:
            raise LostLease(lost)
        owners = [job for job in jobs for _ in deeds[job]]
        doings = await self._act(connection, [deed for job in jobs for deed in deeds[job]])
        failed = {
            job: f"{done.error.code}: {done.error.message}"
            for job, done in zip(owners, doings.done, strict=True)
            if done.error is not None
        }
        if failed:
            raise _Failed(failed)
        return doings.queues


async def _events(connection: Connection, jobs: Sequence[Job]) -> dict[Job, Event]:
    """The event of each job, with what was said when its trigger was accepted."""
    wanted = {ids.parse(Prefix.TRIGGER, job.args["trigger"]) for job in jobs if "trigger" in job.args}
    rows = await own_events.about(connection, wanted) if wanted else []
    about = {(row["tenant_id"], ids.show(Prefix.TRIGGER, row["id"])): row for row in rows}
    return {job: _event(job.id, job.args, about.get((job.tenant_id, job.args.get("trigger", "")))) for job in jobs}


def _event(id: UUID, args: Mapping[str, Any], trigger: Mapping[str, Any] | None) -> Event:
    data = {name: args[name] for name in ("message", "timer", "job", "suppression", "webhook") if name in args}
    if "trigger" in args:
        data["trigger"] = {"id": args["trigger"]}
        if trigger is not None:
            names = ("transaction_id", "metadata", "payload")
            data["trigger"] |= {"workflow": trigger["workflow_key"], **{name: trigger[name] for name in names}}
        if "counts" in args:
            data["trigger"]["counts"] = args["counts"]
    subject = next((said["id"] for said in data.values()), "")
    data["sandbox"] = args.get("sandbox", False)
    return Event(
        id=f"evt_{id.hex}",
        type=args["type"],
        source="clarion",
        subject=subject,
        time=datetime.fromisoformat(args["at"]),
        data=data,
    )
