"""Weights that give way: an account that is slow, or whose messages fail later, gets less of what a route sends. Pure.

It gets it back bit by bit. In points, of which a route has 100. `now` is the database's. Nothing moves while all
accounts fare badly, for then it is not theirs; nor soon after it has moved, for what was moved has to be seen first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from clarion.domain.feedback import Feedback
from clarion.domain.status import Status

WHOLE: Final = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """When points move, and how many."""

    #: A list of messages that is longer on its way to an account is slow.
    slow: timedelta = timedelta(seconds=5)
    #: The share of messages, 0…1, that must be slow within `window`, of at least `calls`.
    share: float = 0.15
    #: The same of messages that it took and later says to have failed; and so many times more than with the best.
    failed: float = 0.15
    times: float = 2.0
    window: timedelta = timedelta(minutes=15)
    calls: int = 20
    #: So many points at a time; the next not before `hold`, and back not before `drift`.
    points: float = 10.0
    hold: timedelta = timedelta(minutes=5)
    drift: timedelta = timedelta(minutes=15)


class Seen(NamedTuple):
    """How many messages an account was given, with how many it was slow, and how many it told to have failed."""

    calls: int
    slow: int
    failed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """How a route shares out its messages at one moment."""

    #: By account, as the settings have it, and as it is.
    base: Mapping[str, float]
    points: Mapping[str, float]
    #: When they moved last, and why; None: they are as the settings have them.
    moved_at: datetime | None = None
    reason: str | None = None


def shares_of(accounts: Sequence[str], weights: Sequence[int]) -> Shares:
    """As the settings have them."""
    whole = sum(weights)
    base = {one: WHOLE * weight / whole for one, weight in zip(accounts, weights, strict=True)}
    return Shares(base=base, points=base)


def is_held_against(status: Status, feedback: Feedback | None) -> bool:
    """Whether what is told of a message speaks against the account that took it, and not of its address alone."""
    return status in (Status.FAILED, Status.BOUNCED) and feedback in (None, Feedback.SOFT_BOUNCE)


def move(shares: Shares, seen: Mapping[str, Seen], now: datetime, rules: Rules) -> Shares:
    """*shares* after this was *seen* of the accounts within the window; the same object where nothing moves."""
    best = min((_failing(seen.get(one), rules) for one in shares.points), default=0.0)
    bad = [one for one in shares.points if _is_slow(seen.get(one), rules) or _fails(seen.get(one), best, rules)]
    passed = None if shares.moved_at is None else now - shares.moved_at
    if not bad:
        if shares.points == shares.base or (passed is not None and passed < rules.drift):
            return shares
        return _back(shares, now, rules)
    well = [one for one in shares.points if one not in bad]
    takers = [one for one in well if shares.base[one] > 0] or well
    taken = {one: min(rules.points, shares.points[one]) for one in bad}
    if not takers or not sum(taken.values()) or (passed is not None and passed < rules.hold):
        return shares
    points = {one: had - taken.get(one, 0.0) for one, had in shares.points.items()}
    whole = sum(shares.base[one] for one in takers)
    for one in takers:
        part = shares.base[one] / whole if whole else 1 / len(takers)
        points[one] += sum(taken.values()) * part
    return replace(shares, points=points, moved_at=now, reason=_why(bad, seen, rules))


def _is_slow(seen: Seen | None, rules: Rules) -> bool:
    return seen is not None and seen.calls >= rules.calls and seen.slow >= rules.share * seen.calls


def _fails(seen: Seen | None, best: float, rules: Rules) -> bool:
    rate = _failing(seen, rules)
    return rate >= rules.failed and rate >= rules.times * best


def _failing(seen: Seen | None, rules: Rules) -> float:
    """The share of its messages that an account told to have failed: of those of before, too, as it takes its time."""
    return seen.failed / seen.calls if seen is not None and seen.calls >= rules.calls else 0.0


def _back(shares: Shares, now: datetime, rules: Rules) -> Shares:
    """So many points nearer to what the settings say."""
    missing = {one: shares.base[one] - had for one, had in shares.points.items()}
    whole = sum(points for points in missing.values() if points > 0)
    if whole <= rules.points:  # also where nothing but the rounding of fractions is missing
        return replace(shares, points=shares.base, moved_at=now, reason=None)
    points = {one: had + missing[one] * rules.points / whole for one, had in shares.points.items()}
    return replace(shares, points=points, moved_at=now, reason="it is going back, bit by bit")


def _why(bad: Sequence[str], seen: Mapping[str, Seen], rules: Rules) -> str:
    length = f"{rules.slow.total_seconds():g} s"
    said = []
    for one in bad:
        calls, slow, failed = seen[one]
        if _is_slow(seen[one], rules):
            said.append(f"{one} took longer than {length} for {slow} of {calls} messages")
        else:
            said.append(f"{one} said later that {failed} had failed, to {calls} messages that it was given")
    return "; ".join(said)
