"""A circuit breaker: whether an account at a provider may be used, by how it fared. Pure; `now` is the database's.

    closed ──too many failures, or too slow──► open ──its time is over──► half-open: one probe is on its way
       ▲                                        ▲                          │        │
       └────────────────────────────────────────┼──────── it went well ────┘        │
                                                └──────── it did not; or longer ────┘

A probe that nobody tells the end of (its worker died) holds up nobody for longer than its claim lasts: then another one
may go. What was begun before the breaker opened and ends after says nothing any more, and is not counted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum


class State(StrEnum):
    """Where a breaker is."""

    CLOSED = "closed"  #: all is well; what fails is counted
    OPEN = "open"  #: nothing goes there until its time is over
    HALF_OPEN = "half_open"  #: one probe is on its way, and nothing else goes there


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When a breaker opens, and for how long."""

    #: Fewer calls than this within `window` say nothing.
    calls: int = 10
    window: timedelta = timedelta(seconds=30)
    #: The share of calls, 0…1, that must fail or be slow.
    failures: float = 0.5
    #: A list of messages that is longer on its way is slow; a single message may well take a while.
    slow: timedelta = timedelta(seconds=20)
    #: How long it is open at first; each time that it opens again soon after, twice as long.
    open_for: timedelta = timedelta(seconds=5)
    longest: timedelta = timedelta(minutes=5)
    #: How long one probe may take before another one may go.
    probe_for: timedelta = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How some calls went."""

    calls: int = 0
    failures: int = 0
    slow: int = 0
    #: Of the last failure.
    reason: str | None = None

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            calls=self.calls + other.calls,
            failures=self.failures + other.failures,
            slow=self.slow + other.slow,
            reason=other.reason or self.reason,
        )

    @property
    def is_well(self) -> bool:
        """Whether nothing in it speaks against the account."""
        return not self.failures and not self.slow


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """The breaker of one account at one moment."""

    state: State = State.CLOSED
    since: datetime
    #: Open: when a probe may go. Half-open: when the claim of the probe that is on its way runs out.
    until: datetime | None = None
    reason: str | None = None
    #: How often in a row it has opened.
    opened: int = 0
    #: The number of the probe that was given out last.
    probe: int = 0
    #: When the window that is counted in began, and what was counted since.
    window_at: datetime
    counted: Tally = Tally()

    @classmethod
    def new(cls, now: datetime) -> Breaker:
        """One of which nothing is known yet."""
        return cls(since=now, window_at=now)


def may_probe(breaker: Breaker, now: datetime) -> bool:
    """Whether a probe may be claimed."""
    return breaker.state is not State.CLOSED and breaker.until is not None and breaker.until <= now


def count(breaker: Breaker, tally: Tally, now: datetime, limits: Limits) -> Breaker:
    """*breaker* after calls that went as *tally* says."""
    if breaker.state is not State.CLOSED:
        return breaker
    fresh = now - breaker.window_at >= limits.window
    counted = tally if fresh else breaker.counted + tally
    breaker = replace(breaker, window_at=now if fresh else breaker.window_at, counted=counted)
    why = _too_bad(counted, limits)
    return breaker if why is None else _open(breaker, why, now, limits)


def claim(breaker: Breaker, now: datetime, limits: Limits) -> Breaker | None:
    """*breaker* with a probe on its way, whose number is `probe`; None where no probe may go now."""
    if not may_probe(breaker, now):
        return None
    since = breaker.since if breaker.state is State.HALF_OPEN else now
    return replace(breaker, state=State.HALF_OPEN, since=since, until=now + limits.probe_for, probe=breaker.probe + 1)


def probed(breaker: Breaker, probe: int, failure: str | None, now: datetime, limits: Limits) -> Breaker:
    """*breaker* after the probe of this number: well, or with a *failure*. One that is over does nothing."""
    if breaker.state is not State.HALF_OPEN or breaker.probe != probe:
        return breaker
    if failure is not None:
        return _open(breaker, f"a probe failed: {failure}", now, limits)
    return _closed(breaker, now)


def give_back(breaker: Breaker, probe: int, now: datetime) -> Breaker:
    """*breaker* after the probe of this number could not be sent at all: another one may go at once."""
    if breaker.state is not State.HALF_OPEN or breaker.probe != probe:
        return breaker
    return replace(breaker, state=State.OPEN, since=now, until=now)


def reset(breaker: Breaker, now: datetime) -> Breaker:
    """*breaker* closed by hand: what is known of the account is forgotten, but not which probes were given out."""
    return replace(_closed(breaker, now), opened=0)


def _too_bad(counted: Tally, limits: Limits) -> str | None:
    """Why an account with these calls must not be used; None while it may."""
    if counted.calls < limits.calls:
        return None
    said = f": {counted.reason}" if counted.reason else ""
    if counted.failures >= limits.failures * counted.calls:
        return f"{counted.failures} of {counted.calls} calls failed{said}"
    if counted.failures + counted.slow >= limits.failures * counted.calls:
        long = f"{limits.slow.total_seconds():g} s"
        return f"{counted.slow} of {counted.calls} messages took longer than {long}, with the batch of each{said}"
    return None


def _open(breaker: Breaker, reason: str, now: datetime, limits: Limits) -> Breaker:
    # One that had closed only a while ago goes on where it was: an account that is well for a minute is not well.
    again = breaker.state is State.HALF_OPEN or now - breaker.since < limits.longest
    opened = breaker.opened + 1 if again else 1
    wait = min(limits.open_for * 2 ** min(opened - 1, 30), limits.longest)
    return replace(breaker, state=State.OPEN, since=now, until=now + wait, reason=reason, opened=opened)


def _closed(breaker: Breaker, now: datetime) -> Breaker:
    return replace(breaker, state=State.CLOSED, since=now, until=None, reason=None, window_at=now, counted=Tally())
