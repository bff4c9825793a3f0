"""Weights that give way: an account that is slow gets less of what a route sends, and gets it back bit by bit. Pure.

In points, of which a route has 100. `now` is the database's. Nothing moves while all accounts are slow, for then it is
not theirs; nor soon after it has moved, for what was moved has to be seen first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple

WHOLE: Final = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """When points move, and how many."""

    #: A list of messages that is longer on its way to an account is slow.
    slow: timedelta = timedelta(seconds=5)
    #: The share of messages, 0…1, that must be slow within `window`, of at least `calls`.
    share: float = 0.15
    window: timedelta = timedelta(minutes=15)
    calls: int = 20
    #: So many points at a time; the next not before `hold`, and back not before `drift`.
    points: float = 10.0
    hold: timedelta = timedelta(minutes=5)
    drift: timedelta = timedelta(minutes=15)


class Seen(NamedTuple):
    """How many messages an account was given, and how many of them it was slow with."""

    calls: int
    slow: int


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


def move(shares: Shares, seen: Mapping[str, Seen], now: datetime, rules: Rules) -> Shares:
    """*shares* after this was *seen* of the accounts within the window; the same object where nothing moves."""
    slow = [one for one in shares.points if _is_slow(seen.get(one), rules)]
    passed = None if shares.moved_at is None else now - shares.moved_at
    if not slow:
        if shares.points == shares.base or (passed is not None and passed < rules.drift):
            return shares
        return _back(shares, now, rules)
    well = [one for one in shares.points if one not in slow]
    takers = [one for one in well if shares.base[one] > 0] or well
    taken = {one: min(rules.points, shares.points[one]) for one in slow}
    if not takers or not sum(taken.values()) or (passed is not None and passed < rules.hold):
        return shares
    points = {one: had - taken.get(one, 0.0) for one, had in shares.points.items()}
    whole = sum(shares.base[one] for one in takers)
    for one in takers:
        part = shares.base[one] / whole if whole else 1 / len(takers)
        points[one] += sum(taken.values()) * part
    return replace(shares, points=points, moved_at=now, reason=_why(slow, seen, rules))


def _is_slow(seen: Seen | None, rules: Rules) -> bool:
    return seen is not None and seen.calls >= rules.calls and seen.slow >= rules.share * seen.calls


def _back(shares: Shares, now: datetime, rules: Rules) -> Shares:
    """So many points nearer to what the settings say."""
    missing = {one: shares.base[one] - had for one, had in shares.points.items()}
    whole = sum(points for points in missing.values() if points > 0)
    if whole <= rules.points:  # also where nothing but the rounding of fractions is missing
        return replace(shares, points=shares.base, moved_at=now, reason=None)
    points = {one: had + missing[one] * rules.points / whole for one, had in shares.points.items()}
    return replace(shares, points=points, moved_at=now, reason="it is going back, bit by bit")


def _why(slow: Sequence[str], seen: Mapping[str, Seen], rules: Rules) -> str:
    length = f"{rules.slow.total_seconds():g} s"
    said = (f"{one} took longer than {length} for {seen[one].slow} of {seen[one].calls} messages" for one in slow)
    return "; ".join(said)
