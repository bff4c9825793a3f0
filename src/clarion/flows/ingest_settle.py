"""What a list of messages causes, in one transaction with the rows that keep each from being taken in again.

The row in `inbound` is written last: who finds there that somebody else was first undoes everything and looks again. So
a message acts once, whoever delivers it how often. What of a message cannot be done, or not be stored, is found out and
put aside with its reason, and all others are done as if it had not been there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

import structlog

from clarion.domain.action import told as told_of
from clarion.domain.event_reading import storable
from clarion.flows.act import Act
from clarion.flows.ingest_bugs import Bugs, is_bug, is_of_data
from clarion.flows.reading import Origin, Reading
from clarion.store import inbound, quarantine
from clarion.store.database import Connection
from clarion.store.inbound import NewInbound, State
from clarion.store.quarantine import NewQuarantined

log = structlog.get_logger()


class Outcome(StrEnum):
    """What became of a delivery."""

    ACCEPTED = "accepted"  #: new: all that the bindings want is done
    REPEATED = "repeated"  #: it was here before
    QUARANTINED = "quarantined"  #: it cannot be used; it lies in quarantine, now or since it came first
    AGAIN = "again"  #: a bug of ours stood in its way: nothing of it is on disk, and it is to be delivered again


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of one delivery; it is on disk, and may be acknowledged, unless it is to come again."""

    outcome: Outcome
    #: What it became, the first time.
    triggers: Sequence[UUID] = ()
    #: Why it lies in quarantine.
    reason: str | None = None
    #: How long to give it back for.
    after: timedelta = timedelta()


class _Unfit(Exception):
    """Some of a list cannot be done; none of it must stay."""

    def __init__(self, reasons: Mapping[UUID, str]) -> None:
        super().__init__()
        self.reasons = reasons


class _Raced(Exception):
    """Somebody else took in some of a list meanwhile."""


class Settle:
    """Writes down what messages come to."""

    def __init__(self, act: Act, wake: Callable[[str], None], *, worker: str) -> None:
        """*wake* is called after a commit with each queue that has new jobs; *worker* is who does it."""
        self._act = act
        self._wake = wake
        self._bugs = Bugs(worker)

    async def __call__(
        self, connection: Connection, origin: Origin, readings: Sequence[Reading], *, suspects: bool = False
    ) -> dict[UUID, Answer]:
        """What became of each of *readings*, committed; *suspects*: that they are no more is written with it.

        What cannot be done is put aside, whatever stands in its way; a bug of ours only after a few tries.
        """
        answers: dict[UUID, Answer] = {}
        while True:
            again, readings = self._without_bugs(origin, readings)
            answers |= again
            if not readings:
                return answers
            try:
                return answers | await self._commit(connection, origin, readings, suspects=suspects)
            except _Unfit as unfit:
                readings = [_put_aside(one, unfit.reasons.get(one.id)) for one in readings]
            except _Raced:
                answers |= told(await inbound.known(connection, [one.id for one in readings]))
                readings = [one for one in readings if one.id not in answers]
            except Exception as error:
                if not (is_of_data(error) or is_bug(error)) or all(one.reason for one in readings):
                    raise
                if len(readings) > 1:
                    middle = len(readings) // 2
                    for half in (readings[:middle], readings[middle:]):
                        answers |= await self(connection, origin, half, suspects=suspects)
                    return answers
                if is_bug(error):
                    readings = [replace(readings[0], bug=error)]
                else:
                    readings = [_put_aside(readings[0], f"cannot_be_stored: {error}")]

    def _without_bugs(self, origin: Origin, readings: Sequence[Reading]) -> tuple[dict[UUID, Answer], list[Reading]]:
        """Those of *readings* that met a bug and are to come again; and all others, some put aside for it."""
        again: dict[UUID, Answer] = {}
        others = []
        for one in readings:
            said = self._bugs.met(origin.source, one.id, one.bug) if one.bug is not None else None
            if isinstance(said, timedelta):
                again[one.id] = Answer(outcome=Outcome.AGAIN, after=said)
            else:
                others.append(_put_aside(one, said))
        return again, others

    async def _commit(
        self, connection: Connection, origin: Origin, readings: Sequence[Reading], *, suspects: bool
    ) -> dict[UUID, Answer]:
        async with connection.transaction():
            written, queues = await self._write(connection, origin, readings)
            if suspects:
                await inbound.clear(connection, [one.id for one in readings])
        for queue in queues:
            self._wake(queue)
        self._bugs.over(written)
        _log(origin, readings)
        return written

    async def _write(
        self, connection: Connection, origin: Origin, readings: Sequence[Reading]
    ) -> tuple[dict[UUID, Answer], set[str]]:
        """Everything of *readings* in the present transaction. Raises `_Unfit` or `_Raced`: then it must not stay."""
        deeds = [deed for one in readings if one.reason is None for deed in one.deeds]
        triggers: dict[UUID, list[UUID]] = {one.id: [] for one in readings}
        did: dict[UUID, list[str]] = {}
        queues: set[str] = set()
        if deeds:
            doings = await self._act(connection, deeds)
            queues = doings.queues
            owners = (one.id for one in readings if one.reason is None for _ in one.deeds)
            reasons: dict[UUID, str] = {}
            for owner, deed, done in zip(owners, deeds, doings.done, strict=True):
                if done.error is not None:
                    reasons.setdefault(owner, f"{done.error.code}: {done.error.message}")
                elif done.trigger_id is not None:
                    triggers[owner].append(done.trigger_id)
                elif (said := told_of(deed.action)) is not None:
                    did.setdefault(owner, []).append(said)
            if reasons:
                raise _Unfit(reasons)
        rows = [
            NewInbound(
                id=one.id,
                message_id=storable(one.delivery.id),
                state=State.ACCEPTED if one.reason is None else State.QUARANTINED,
                triggers=triggers[one.id],
                did=did.get(one.id, ()),
            )
            for one in readings
        ]
        if await inbound.add(connection, origin.tenant_id, origin.number, rows) < len(rows):
            raise _Raced
        if unfit := [_quarantined(one, one.reason) for one in readings if one.reason is not None]:
            await quarantine.add(connection, origin.tenant_id, origin.number, unfit)
        return {one.id: _answer(one, triggers[one.id]) for one in readings}, queues


def told(known: Mapping[UUID, inbound.Known]) -> dict[UUID, Answer]:
    """What became of messages that were here before."""
    return {
        key: Answer(
            outcome=Outcome.REPEATED if one.reason is None else Outcome.QUARANTINED,
            triggers=one.triggers,
            reason=one.reason,
        )
        for key, one in known.items()
    }


def _answer(one: Reading, triggers: Sequence[UUID]) -> Answer:
    outcome = Outcome.ACCEPTED if one.reason is None else Outcome.QUARANTINED
    return Answer(outcome=outcome, triggers=triggers, reason=one.reason)


def _put_aside(one: Reading, reason: str | None) -> Reading:
    return one if reason is None else replace(one, deeds=(), bug=None, reason=storable(reason))


def _quarantined(one: Reading, reason: str) -> NewQuarantined:
    headers = {storable(name): storable(str(value)) for name, value in one.delivery.headers.items()}
    return NewQuarantined(
        inbound_id=one.id,
        message_id=storable(one.delivery.id),
        subject=storable(one.delivery.subject),
        reason=storable(reason),
        headers=headers,
        body=one.delivery.body,
    )


def _log(origin: Origin, readings: Sequence[Reading]) -> None:
    log.debug("source.taken", source=origin.source, messages=len(readings))
    if unfit := [one.reason for one in readings if one.reason is not None]:
        # What follows the code may quote what the message says.
        log.warning("source.quarantined", source=origin.source, messages=len(unfit), code=unfit[0].partition(":")[0])
