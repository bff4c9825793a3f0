"""Doing what schedules say, in the transaction that writes their runs down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from clarion import ids
from clarion.errors import Invalid
from clarion.flows.act import Act, Deed, Done
from clarion.flows.scheduled_actions import ScheduledActions
from clarion.queue import add
from clarion.queue.job import NewJob
from clarion.store import schedule_runs, schedules
from clarion.store.database import Connection
from clarion.store.schedule_runs import Ran
from clarion.store.schedules import Row

log = structlog.get_logger()

#: Where the duties of the system are done; each is a kind of job.
SYSTEM_QUEUE = "system"
#: An action of the system's own schedules: ``{"system": "retention"}``.
SYSTEM_ACTION = "system"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run to be done: its schedule's row, and its own id and time."""

    row: Row
    id: UUID
    nominal_at: datetime
    now: datetime
    manual: bool = False

    @property
    def cause(self) -> str:
        """The same if it is ever done again."""
        if self.manual:
            return f"schedule:{self.row['key']}!{self.id.hex}"
        return f"schedule:{self.row['key']}@{self.nominal_at.isoformat()}"


class DoRuns:
    """Does runs, many at once, and writes down what became of each."""

    def __init__(self, act: Act) -> None:
        self._act = act
        self._actions = ScheduledActions()

    async def __call__(self, connection: Connection, runs: Sequence[Run]) -> set[str]:
        """Do all of *runs*; the queues that have new jobs."""
        deeds: list[Deed] = []
        owners: list[Run] = []
        ran: dict[UUID, Ran] = {}
        duties: list[NewJob] = []
        for run in runs:
            if run.row["tenant_id"] == schedules.SYSTEM:
                duties += [_duty(one[SYSTEM_ACTION], run) for one in run.row["actions"]]
                continue
            try:
                evaluated = self._actions.of(
                    run.row, run=run.id.hex, nominal_at=run.nominal_at, manual=run.manual, now=run.now
                )
            except Invalid as error:
                ran[run.id] = Ran(status="failed", error=error.message)
                continue
            ran[run.id] = Ran(status="done")
            for number, one in enumerate(evaluated):
                deeds.append(Deed(tenant_id=run.row["tenant_id"], action=one, cause=f"{run.cause}/{number}"))
                owners.append(run)
        await add.add_many(connection, duties)
        doings = await self._act(connection, deeds)
        self._note(ran, owners, doings.done)
        await schedule_runs.record(connection, ran)
        _tell(runs, ran)
        return doings.queues | ({SYSTEM_QUEUE} if duties else set())

    @staticmethod
    def _note(ran: dict[UUID, Ran], owners: Sequence[Run], done: Sequence[Done]) -> None:
        """What came of the actions of each run: the triggers that were accepted, and the first that went wrong."""
        triggers: dict[UUID, list[str]] = {run.id: [] for run in owners}
        errors: dict[UUID, str] = {}
        numbers: dict[UUID, int] = dict.fromkeys(triggers, 0)
        for run, one in zip(owners, done, strict=True):
            numbers[run.id] += 1
            if one.trigger_id is not None:
                triggers[run.id].append(ids.show(ids.Prefix.TRIGGER, one.trigger_id))
            if one.error is not None:
                errors.setdefault(run.id, f"action {numbers[run.id]}: {one.error.message}")
        for id, accepted in triggers.items():
            status = "failed" if id in errors else "done"
            ran[id] = Ran(status=status, error=errors.get(id), result={"triggers": accepted} if accepted else None)


def _duty(name: str, run: Run) -> NewJob:
    return NewJob(queue=SYSTEM_QUEUE, kind=name, tenant_id=schedules.SYSTEM, args={"run": run.id.hex})


def _tell(runs: Sequence[Run], ran: dict[UUID, Ran]) -> None:
    for run in runs:
        nominal_at, result = run.nominal_at.isoformat(), ran.get(run.id)
        if result is not None and result.error is not None:
            log.warning("schedule.failed", schedule=run.row["key"], nominal_at=nominal_at, error=result.error)
        else:
            log.info("schedule.ran", schedule=run.row["key"], nominal_at=nominal_at)
