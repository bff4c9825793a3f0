"""What providers tell later of messages: which of it is new, what it changes, and what must wait for our own record.

Only what `Callbacks.read` has believed comes here. A message moves when it was sent through the integration that tells,
under the id that it tells; message, counts, timeline and what bindings hear are one transaction. A provider may be
faster than our own record of what it answered: then its report is kept as a job, and looked at again in a moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from clarion import clock, ids
from clarion.channels.base import Report
from clarion.domain.callback import SAID, TOLD, Fate, Finding, Handed, Known, after_report
from clarion.domain.feedback import Feedback
from clarion.domain.status import Status
from clarion.domain.suppression import SoftRule
from clarion.flows.feedback import Said, learn
from clarion.flows.hearing import Hearing
from clarion.queue import add
from clarion.queue.job import NewJob, storable
from clarion.store import callbacks
from clarion.store.callbacks import Move, Note
from clarion.store.database import Connection

log = structlog.get_logger()

_SOFT = SoftRule()

#: The queue of reports that came too early, and the kind of its jobs.
QUEUE = "callbacks"
KIND = "callback"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A genuine report, and whose it is."""

    #: `label_of` the account.
    integration: str
    report: Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What became of one report."""

    told: Told
    finding: Finding


@dataclass(slots=True)
class _State:
    """A message that is held, and how far it has come in this transaction."""

    row: callbacks.Row
    status: Status
    reason: str | None = None
    #: The provider's id, where none was known.
    proof: str | None = None
    notes: list[Note] = field(default_factory=list)
    #: What was said of it that moves nothing.
    heard: list[Note] = field(default_factory=list)

    def note_of(self, kind: str, detail: str | None) -> Note:
        return Note(id=self.row["id"], tenant_id=self.row["tenant_id"], kind=kind, detail=detail)


async def take(
    connection: Connection,
    all_told: Sequence[Told],
    *,
    slot: int,
    hearing: Hearing | None = None,
    soft: SoftRule = _SOFT,
) -> list[Found]:
    """Within the caller's transaction: do what each of *all_told* says, in their order, and answer what that was.

    What it says of an address follows too (*soft*: when it says so of several messages in a row).

    After the commit the caller rings where somebody hears, wakes `QUEUE` where one is `EARLY`, and may `tell`.
    """
    keys = [callbacks.seen_id(told.integration, told.report.key) for told in all_told]
    new = await callbacks.see(connection, {key: told.integration for key, told in zip(keys, all_told, strict=True)})
    found = [Found(told=told, finding=Finding(fate=Fate.REPEATED)) for told in all_told]
    first: dict[UUID, int] = {}
    for place, key in enumerate(keys):
        if key in new:
            first.setdefault(key, place)
    places, now = list(first.values()), clock.now()
    told, came_at = [all_told[place] for place in places], [now] * len(places)
    fresh, states = await apply(connection, told, came_at, now=now, slot=slot, hearing=hearing, soft=soft)
    jobs = []
    for place, one in zip(places, fresh, strict=True):
        found[place] = one
        if one.finding.fate is Fate.EARLY:
            jobs.append(_job(one, states[one.told.report.message_id]))
    if jobs:
        await add.add_many(connection, jobs)
    return found


async def apply(
    connection: Connection,
    all_told: Sequence[Told],
    came_at: Sequence[datetime],
    *,
    now: datetime,
    slot: int,
    hearing: Hearing | None,
    soft: SoftRule = _SOFT,
) -> tuple[list[Found], dict[UUID, callbacks.Row]]:
    """The same for reports that are new, or were early: each came at its time. With them, the messages they mean."""
    if not all_told:
        return [], {}
    rows = await callbacks.hold(connection, (told.report.message_id for told in all_told))
    states = {id: _State(row, Status(row["status"])) for id, row in rows.items()}
    meant = [(told.report.message_id, told.integration, _id(told.report)) for told in all_told]
    handed = await callbacks.handed(connection, meant, {id: row["attempts"] for id, row in rows.items()})
    found = []
    for told, one, came in zip(all_told, handed, came_at, strict=True):
        state = states.get(told.report.message_id)
        found.append(Found(told=told, finding=_decide(told.report, state, one, came, now)))
    await _write(connection, states, slot=slot, hearing=hearing)
    await learn(connection, [said for one in found if (said := _said(one)) is not None], soft, hearing)
    return found, rows


def _said(found: Found) -> Said | None:
    """What a report says of the address: true whether or not its message moves, as soon as it is known to be of one."""
    report = found.told.report
    if report.feedback is None or found.finding.fate not in (Fate.APPLIED, Fate.IGNORED):
        return None
    return Said(report.message_id, report.feedback, storable(report.reason) if report.reason else None)


def _id(report: Report) -> str | None:
    return None if report.provider_id is None else storable(report.provider_id)


def _proof(report: Report) -> str:
    """What stands as the provider's id where none was known, now that it has told of the message."""
    return _id(report) or "told later"


def _decide(report: Report, state: _State | None, handed: Handed | None, came_at: datetime, now: datetime) -> Finding:
    """What becomes of *report*, and of the message with it."""
    known = None
    if state is not None:
        if handed is not None and state.proof == _proof(report):  # by a report of this very list
            handed = Handed(latest=handed.latest, proven=True)
        known = Known(status=state.status, handed=handed)
    why = storable(report.reason) if report.reason else None
    finding = after_report(report.status, why, known, came_at=came_at, now=now)
    if state is not None and handed is not None and finding.status is not None:
        if not handed.proven or state.status is Status.UNKNOWN:
            state.proof = _proof(report)
        state.status, state.reason = finding.status, finding.reason
        state.notes.append(state.note_of(TOLD[finding.status], finding.reason))
    said = SAID.get(report.feedback) if finding.fate in (Fate.APPLIED, Fate.IGNORED) else None
    if state is not None and said is not None:
        state.heard.append(state.note_of(said, why))
    return finding


async def _write(connection: Connection, states: dict[UUID, _State], *, slot: int, hearing: Hearing | None) -> None:
    changed = {id: state for id, state in states.items() if state.notes}
    moves = [
        Move(
            id=id,
            expected=Status(state.row["status"]),
            status=state.status,
            reason=state.reason,
            provider_id=state.proof,
        )
        for id, state in changed.items()
    ]
    notes = [note for state in changed.values() for note in state.notes]
    moved = await callbacks.move(connection, moves, notes, slot=slot)
    await callbacks.note(connection, [note for state in states.values() for note in state.heard])
    if hearing is not None and hearing.anybody:
        heard = [(changed[id].row["tenant_id"], id, changed[id].status) for id in moved]
        await hearing.messages(connection, heard)


def _job(found: Found, row: callbacks.Row) -> NewJob:
    """What looks at an early report again."""
    report = found.told.report
    assert found.finding.after is not None
    return NewJob(
        queue=QUEUE,
        kind=KIND,
        tenant_id=row["tenant_id"],
        run_at=row["now"] + found.finding.after,
        args={
            "integration": found.told.integration,
            "message": report.message_id.hex,
            "provider_id": _id(report),
            "status": report.status.value,
            "reason": storable(report.reason) if report.reason else None,
            "feedback": report.feedback.value if report.feedback else None,
            "key": storable(report.key),
        },
    )


def told_by(args: Any) -> Told:
    """The report that the arguments of a job say."""
    report = Report(
        message_id=UUID(hex=args["message"]),
        provider_id=args["provider_id"],
        status=Status(args["status"]),
        reason=args["reason"],
        feedback=Feedback(args["feedback"]) if args.get("feedback") else None,
        key=args["key"],
    )
    return Told(integration=args["integration"], report=report)


def tell(found: Sequence[Found]) -> None:
    """Log what became of reports, once it is committed."""
    for one in found:
        finding, report = one.finding, one.told.report
        about = {
            "integration": one.told.integration,
            "message": ids.show(ids.Prefix.MESSAGE, report.message_id),
            "status": report.status.value,
        }
        match finding.fate:
            case Fate.APPLIED if report.status in (Status.FAILED, Status.BOUNCED):
                log.warning("callback.applied", **about, reason=finding.reason)
            case Fate.APPLIED:
                log.debug("callback.applied", **about, reason=finding.reason)
            case Fate.EARLY:
                log.debug("callback.early", **about)
            case Fate.IGNORED:
                log.info("callback.ignored", **about, reason=finding.reason)
            case Fate.ORPHAN:
                log.warning("callback.orphan", **about, reason=finding.reason)
            case Fate.REPEATED:
                log.debug("callback.repeated", **about)
