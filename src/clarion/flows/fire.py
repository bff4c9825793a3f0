"""Firing timers: the move to `fired`, all that it causes, and the end of the job are one transaction.

So a firing that races a cancel, a reschedule or a crash is decided once, by whoever locks the timer first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from clarion import ids
from clarion.domain import action
from clarion.domain.timer import cause_of, is_sandboxed
from clarion.domain.verdict import quarantined
from clarion.errors import ClarionError
from clarion.flows.act import Deed, Doings
from clarion.flows.hearing import Hearing
from clarion.flows.slots import Slots
from clarion.queue import settle
from clarion.queue.job import Job, PutOff, storable
from clarion.store import timers
from clarion.store.database import Connection, Pool

log = structlog.get_logger()

#: How many timers of a list are named in the log.
_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Fired:
    """A timer that has just fired."""

    id: UUID
    tenant_id: UUID
    key: str
    #: What tells this firing from another one of the same timer.
    rev: int
    fire_at: datetime
    fired_at: datetime
    metadata: Mapping[str, Any]
    #: Why actions could not be done, by their numbers.
    errors: dict[int, str] = field(default_factory=dict)


Act = Callable[[Connection, Sequence[Deed]], Awaitable[Doings]]
#: Hears of timers that fired, in the transaction in which they did; answers which queues to ring for.
Hear = Callable[[Connection, Sequence[Fired]], Awaitable[Collection[str]]]


async def _nobody_hears(_connection: Connection, _fired: Sequence[Fired]) -> Collection[str]:
    return ()


class Fire:
    """The handler of `fire` jobs."""

    def __init__(
        self,
        pool: Pool,
        act: Act,
        *,
        wake: Callable[[str], None],
        slots: Slots,
        hear: Hear = _nobody_hears,
        hearing: Hearing | None = None,
    ) -> None:
        """*hear* is told of timers that fired, *hearing* of jobs that were buried."""
        self._hearing = hearing
        self._pool = pool
        self._act = act
        self._hear = hear
        self._wake = wake
        self._slots = slots

    async def __call__(self, jobs: Sequence[Job]) -> None:
        """Fire the timers of *jobs* that are due; those that are over, or due later, are left as they are."""
        with self._slots.lend() as slot:
            async with self._pool.acquire() as connection, connection.transaction():
                fired, queues = await self._fire(connection, jobs, slot)
        if fired:
            named = [ids.show(ids.Prefix.TIMER, one.id) for one in fired[:_NAMED]]
            log.info("timer.fired", timers=named, count=len(fired))
        for one in fired:
            if one.errors:
                reason = _reason(one.errors)
                log.warning("timer.action_failed", timer=ids.show(ids.Prefix.TIMER, one.id), reason=reason)
        for queue in queues:
            self._wake(queue)

    async def _fire(self, connection: Connection, jobs: Sequence[Job], slot: int) -> tuple[list[Fired], set[str]]:
        jobs = await self._quarantine(connection, jobs, slot)
        rows = await timers.fire(connection, {_name(job): job.id for job in jobs})
        early = {row["id"]: row["remains"] for row in rows if row["remains"] is not None}
        due = [row for row in rows if row["actions"] is not None]
        fired = [_fired(row) for row in due]
        queues = await self._do(connection, due, fired)
        failed = [(row, one) for row, one in zip(due, fired, strict=True) if one.errors or row["failed"]]
        if failed:
            await timers.note_failures(
                connection,
                [(one.id, one.rev, list(one.errors), _reason(one.errors)) for _, one in failed],
            )
        # A failed action's job is kept with the buried ones: the timer has fired, and a redrive does what is left.
        reasons = {one.id: _reason(one.errors) for one in fired if one.errors}
        bury = {job: reasons[job.id] for job in jobs if job.id in reasons}
        later = [PutOff(job=job, after=early[job.id], spent=False) for job in jobs if job.id in early]
        over = [job for job in jobs if job.id not in early and job.id not in reasons]
        # A job that is lost by now does not matter: what was decided was decided by the row of the timer.
        await settle.settle(connection, over, slot=slot)
        await self._bury(connection, bury, slot)
        await settle.put_off(connection, later, slot=slot)
        return fired, queues

    async def _do(self, connection: Connection, due: Sequence[timers.Row], fired: Sequence[Fired]) -> set[str]:
        """Do what the timers say, noting in *fired* what could not be done; the queues to ring for."""
        deeds: list[Deed] = []
        owners: list[tuple[Fired, int]] = []
        for row, one in zip(due, fired, strict=True):
            shown = ids.show(ids.Prefix.TIMER, one.id)
            for number, stored in enumerate(row["actions"]):
                if row["failed"] is not None and number not in row["failed"]:
                    continue  # done when it fired
                try:
                    said = action.from_json(stored)
                except ClarionError as error:
                    one.errors[number] = error.message
                    continue
                cause, inside = cause_of(shown, one.rev, number), is_sandboxed(one.key)
                deeds.append(Deed(tenant_id=one.tenant_id, action=said, cause=cause, sandbox=inside))
                owners.append((one, number))
        doings = await self._act(connection, deeds)
        for done, (one, number) in zip(doings.done, owners, strict=True):
            if done.error is not None:
                one.errors[number] = done.error.message
        heard = await self._hear(connection, [one for row, one in zip(due, fired, strict=True) if not row["failed"]])
        return {*doings.queues, *heard}

    async def _quarantine(self, connection: Connection, jobs: Sequence[Job], slot: int) -> list[Job]:
        """Bury those that took too many workers with them; the others. Their timers fire when they are redriven."""
        reasons = {job: reason for job in jobs if (reason := quarantined(job.rescues))}
        await self._bury(connection, reasons, slot)
        for job, reason in reasons.items():
            log.error("timer.quarantined", timer=ids.show(ids.Prefix.TIMER, job.id), reason=reason)
        return [job for job in jobs if job not in reasons]

    async def _bury(self, connection: Connection, reasons: Mapping[Job, str], slot: int) -> None:
        lost = await settle.bury(connection, reasons, slot=slot)
        if self._hearing is not None:
            await self._hearing.buried(connection, reasons, lost)


def _name(job: Job) -> timers.Name:
    assert job.key is not None
    return job.tenant_id, job.key


def _fired(row: timers.Row) -> Fired:
    return Fired(
        id=row["id"],
        tenant_id=row["tenant_id"],
        key=row["key"],
        rev=row["rev"],
        fire_at=row["fire_at"],
        fired_at=row["fired_at"],
        metadata=row["metadata"],
    )


def _reason(errors: Mapping[int, str]) -> str:
    """Why actions failed: each reason once, with the numbers of the actions, counted from 1."""
    numbers: dict[str, list[int]] = defaultdict(list)
    for number, error in errors.items():
        numbers[error].append(number + 1)
    return storable("; ".join(f"action {', '.join(map(str, those))}: {why}" for why, those in numbers.items()))
