"""Domains that ask for patience: slowed, or left alone for a while and then tried with a single message. Pure.

    free ──it asks us to stay away──► parked ──its time is over──► probed: one message a minute ──one is taken──┐
     │  ▲                               ▲                             │                                         │
     │  │                               └────────it asks again────────┴───────────────────┐                     ▼
     │  └────────────── fast enough again ◄── twice as fast every few seconds ◄── slowed: so many a second ◄────┘
     └──most of what is tried is put off────────────────────────────────────────────────────▲

`now` is the database's. What was begun before a domain was parked and ends after says nothing any more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

#: What a domain gets that was parked, until one message is taken: a probe, and no other for a minute.
PROBE: Final = 1 / 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When a domain is slowed or parked, and how it comes back."""

    #: How long it is parked at first; each time that it asks again soon after, twice as long.
    park_for: timedelta = timedelta(seconds=30)
    longest: timedelta = timedelta(minutes=30)
    #: Fewer messages than this that were put off within `window` say nothing.
    calls: int = 10
    window: timedelta = timedelta(minutes=1)
    #: The share of messages, 0…1, that must be put off.
    share: float = 0.5
    #: So many a second when it is slowed, and at least so many.
    slowed: float = 5.0
    least: float = 1.0
    #: Twice as fast after so long in which messages were taken; free when that would be faster than `fastest`.
    step: timedelta = timedelta(seconds=5)
    fastest: float = 100.0
    #: After so long without anything bad it is forgotten what there was.
    forget: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What a domain answered to some messages."""

    #: So many were answered by asking us to stay away; were put off; were taken.
    away: int = 0
    put_off: int = 0
    taken: int = 0
    #: Of the first that was not taken.
    reason: str | None = None
    #: So many were answered after all, by one that was taken for hanging.
    late: int = 0
    #: So many a second it gets done, where more than that came.
    fits: float | None = None

    def __add__(self, other: Heard) -> Heard:
        return Heard(
            away=self.away + other.away,
            put_off=self.put_off + other.put_off,
            taken=self.taken + other.taken,
            reason=self.reason or other.reason,
            late=self.late + other.late,
            fits=self.fits if other.fits is None else other.fits,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """One domain as seen through one account, at one moment."""

    #: When it was parked, slowed or freed last.
    since: datetime
    #: So many messages a second; None: as many as there are.
    per_second: float | None = None
    #: Until then it gets none.
    until: datetime | None = None
    reason: str | None = None
    #: How often in a row it was parked.
    parked: int = 0
    #: When its pace was changed last.
    paced_at: datetime
    #: When the window began in which is counted, and what was counted since.
    window_at: datetime
    put_off: int = 0
    taken: int = 0

    @classmethod
    def unknown(cls, now: datetime) -> Destination:
        """One of which nothing is known."""
        return cls(since=now, paced_at=now, window_at=now)

    def is_parked(self, now: datetime) -> bool:
        return self.until is not None and self.until > now


def hear(one: Destination, heard: Heard, now: datetime, limits: Limits) -> Destination:
    """*one* after what it answered."""
    if heard.late and one.per_second is not None:
        return Destination.unknown(now)
    if one.is_parked(now):
        return one
    if heard.away:
        return _park(one, heard.reason, now, limits)
    if heard.fits is not None:
        pace = max(heard.fits, limits.least)
        return replace(Destination.unknown(now), per_second=pace, reason=heard.reason)
    one = _count(one, heard, now, limits)
    if one.put_off >= limits.calls and one.put_off >= limits.share * (one.put_off + one.taken):
        return _slow(one, heard.reason, now, limits)
    if heard.taken and one.per_second is not None:
        return _quicken(one, now, limits)
    return one


def is_over(one: Destination, now: datetime, limits: Limits) -> bool:
    """Whether nothing bad was heard of it for so long that it is as if nothing had ever been."""
    latest = max(one.since, one.until or one.since, one.paced_at)
    return now - latest >= limits.forget


def _park(one: Destination, reason: str | None, now: datetime, limits: Limits) -> Destination:
    again = one.parked if one.per_second is not None or now - one.since < limits.longest else 0
    wait = min(limits.park_for * 2 ** min(again, 30), limits.longest)
    return replace(
        _counted_anew(one, now),
        since=now,
        paced_at=now,
        per_second=PROBE,
        until=now + wait,
        reason=reason,
        parked=again + 1,
    )


def _slow(one: Destination, reason: str | None, now: datetime, limits: Limits) -> Destination:
    had = one.per_second
    pace = limits.slowed if had is None else max(had / 2, min(had, limits.least))
    return replace(_counted_anew(one, now), since=now, paced_at=now, per_second=pace, until=None, reason=reason)


def _quicken(one: Destination, now: datetime, limits: Limits) -> Destination:
    assert one.per_second is not None
    if one.per_second < limits.least:
        return replace(one, per_second=limits.least, until=None, paced_at=now)
    if now - one.paced_at < limits.step:
        return one
    faster = one.per_second * 2
    if faster > limits.fastest:
        return replace(one, since=now, per_second=None, until=None, reason=None, paced_at=now)
    return replace(one, per_second=faster, until=None, paced_at=now)


def _count(one: Destination, heard: Heard, now: datetime, limits: Limits) -> Destination:
    if now - one.window_at >= limits.window:
        one = _counted_anew(one, now)
    return replace(one, put_off=one.put_off + heard.put_off, taken=one.taken + heard.taken)


def _counted_anew(one: Destination, now: datetime) -> Destination:
    return replace(one, window_at=now, put_off=0, taken=0)
