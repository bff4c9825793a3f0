"""What a provider tells later of a message: what that changes, and why it may change nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from clarion.domain.feedback import Feedback
from clarion.domain.status import MOVES, OPEN, Status

#: So long it is waited for our own record of an attempt. It is there as soon as the database has it, and after a crash
#: when the lease is over; a day is longer than anything that the rest of the system would live through.
PATIENCE = timedelta(days=1)
#: The least and the most between two looks at a message that a report came too early for.
_SOON, _SELDOM = timedelta(seconds=1), timedelta(minutes=5)


class Fate(StrEnum):
    """What becomes of one report."""

    APPLIED = "applied"  #: the message has moved
    EARLY = "early"  #: what became of the attempt is not written down yet: the report waits, as a job
    IGNORED = "ignored"  #: it tells nothing new, or a move that there is not
    ORPHAN = "orphan"  #: there is no such message, or it was not sent there
    REPEATED = "repeated"  #: it was here before


#: What a provider can tell, with what stands in the timeline when that moves a message.
TOLD: Mapping[Status, str] = {
    Status.SENT: "taken",
    Status.DELIVERED: "delivered",
    Status.BOUNCED: "bounced",
    Status.FAILED: "failed",
}
#: What recipients said through their provider, with what stands in the timeline: they had the message by then.
SAID: Mapping[Feedback | None, str] = {Feedback.COMPLAINT: "complained", Feedback.UNSUBSCRIBE: "unsubscribed"}
#: What bad news says that says nothing more.
_UNSAID: Mapping[Status, str] = {
    Status.BOUNCED: "the provider says that it was returned",
    Status.FAILED: "the provider says that it failed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """The attempt that a report means: one at the provider that tells, under the id that it tells."""

    #: Whether it is the message's latest.
    latest: bool
    #: False where its id is not known to us: nobody has written down what the provider answered, if anybody heard.
    proven: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of a message."""

    status: Status
    #: None when it was never handed to the provider that tells, or under no such id.
    handed: Handed | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What becomes of one report, and why."""

    fate: Fate
    #: The message's new status; None when it does not move.
    status: Status | None = None
    reason: str | None = None
    #: When to look again.
    after: timedelta | None = None


def after_report(told: Status, why: str | None, known: Known | None, *, came_at: datetime, now: datetime) -> Finding:
    """What it means that a provider, which proved to be itself, has *told* a status, for the reason *why*.

    *known* is the message that it names, None when there is none; *came_at* is when the report came.
    """
    if known is None:
        return Finding(fate=Fate.ORPHAN, reason="there is no such message")
    if known.handed is None:
        return Finding(fate=Fate.ORPHAN, reason="it was not sent by this integration under that id")
    if told not in TOLD:
        return _ignored(f"no provider makes a message {told}")
    if not known.handed.latest:
        return _ignored("it has been tried again since")
    if known.status in OPEN:
        return _early(now - came_at)
    if known.status is Status.UNKNOWN:  # now its provider says that it was taken: what else it tells came after that
        return _applied(told, why) if told is Status.SENT else _moved(Status.SENT, told, why)
    if not known.handed.proven:
        return _ignored(f"it is {known.status}, and was not known to be taken")
    return _moved(known.status, told, why)


def _moved(old: Status, told: Status, why: str | None) -> Finding:
    if told is old:
        return _ignored(f"it is {old} already")
    if told not in MOVES[old]:
        return _ignored(f"a {old} message cannot become {told}")
    return _applied(told, why)


def _applied(told: Status, why: str | None) -> Finding:
    return Finding(fate=Fate.APPLIED, status=told, reason=why or _UNSAID.get(told))


def _ignored(reason: str) -> Finding:
    return Finding(fate=Fate.IGNORED, reason=reason)


def _early(waited: timedelta) -> Finding:
    if waited > PATIENCE:
        return Finding(fate=Fate.ORPHAN, reason="nothing was written down of its attempt in a day")
    return Finding(
        fate=Fate.EARLY,
        reason="what became of its attempt is not written down yet",
        after=min(max(waited, _SOON), _SELDOM),
    )
