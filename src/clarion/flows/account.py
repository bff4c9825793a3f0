"""One account as one worker knows it, and what follows from that. No I/O."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from clarion import clock
from clarion.domain import breaker as rules
from clarion.domain.breaker import Limits, State, Tally
from clarion.domain.outcome import Outcome, Retry, Uncertain
from clarion.domain.route import Fitness
from clarion.flows.endings import Ending
from clarion.queue.breakers import Seen
from clarion.queue.limits import Pace, Refused

#: While a probe is on its way, messages look again after so long.
_PROBING = timedelta(seconds=2)
#: Whoever waits for an account looks again after so long, however long it is away: it may be resumed by hand any time.
LOOK_AGAIN = timedelta(minutes=1)


@dataclass(slots=True, eq=False)
class OnTheWay:
    """A list of messages that an account has in hand."""

    size: int
    #: On the monotonic clock.
    began: float
    #: Whether the breaker was told of it already, because it takes long.
    counted: bool = False


@dataclass(slots=True)
class KnownAccount:
    """What is known of it."""

    places: asyncio.Semaphore
    lists: list[OnTheWay] = field(default_factory=list)
    #: What the breaker was not told yet, and since when; when it was told last.
    tally: Tally = field(default_factory=Tally)
    tally_at: float = float("-inf")
    told_at: float = float("-inf")
    paused: Refused | None = None
    #: The rate of its own that it keeps to, and until when (monotonic) that has no place for more.
    limit: Pace | None = None
    spent_until: float = float("-inf")
    seen: Seen | None = None
    #: On the monotonic clock: when these two were asked for.
    paused_at: float = 0.0
    seen_at: float = 0.0


def add(account: KnownAccount, tally: Tally) -> None:
    """Count *tally*, which its breaker is told later."""
    if not account.tally.calls:
        account.tally_at = clock.monotonic()
    account.tally += tally


def was_closed(before: Seen | None, now: Seen | None) -> bool:
    """Whether somebody has closed the breaker since it was looked at *before*."""
    if now is None or now.breaker.state is not State.CLOSED:
        return False
    if before is None:  # the row is new: of a first failure that was counted, or of somebody who resumed it
        return not now.breaker.counted.calls
    return now.breaker.since != before.breaker.since


def fitness_of(account: KnownAccount, now: float) -> Fitness:
    """Whether it may be used, as far as is known; *now* is monotonic."""
    fitness = _whole_fitness(account, now)
    return fitness if fitness.wait <= LOOK_AGAIN else fitness._replace(wait=LOOK_AGAIN)


def soonest(fit: Mapping[str, Fitness]) -> Fitness:
    """That of the accounts in *fit* together, none of which may be used: until the first of them may."""
    return Fitness("; ".join(f"{one}: {why.reason}" for one, why in fit.items()), min(f.wait for f in fit.values()))


def look_again(ending: Ending, outcome: Outcome, chance: float) -> Ending:
    """*ending* with no longer a wait than others have who come to an account that asked for a pause, as *outcome* may
    say it did: that holds for all, and may be ended by hand."""
    after = ending.verdict.after
    if not isinstance(outcome, Retry) or not outcome.pause_provider or after is None or after <= LOOK_AGAIN:
        return ending
    return ending._replace(verdict=ending.verdict._replace(after=LOOK_AGAIN * (1 + 0.2 * chance)))


def _whole_fitness(account: KnownAccount, now: float) -> Fitness:
    passed = timedelta(seconds=now - account.paused_at)
    if account.paused is not None and account.paused.wait > passed:
        return Fitness(f"it is paused: {account.paused.reason}", account.paused.wait - passed)
    if account.spent_until > now:
        return Fitness("its limit has no place for more now", timedelta(seconds=account.spent_until - now))
    seen, passed = account.seen, timedelta(seconds=now - account.seen_at)
    if seen is None or seen.breaker.state is State.CLOSED or rules.may_probe(seen.breaker, seen.now + passed):
        return Fitness()
    if seen.breaker.state is State.HALF_OPEN:
        return Fitness("a probe is on its way", min(_PROBING, seen.wait))
    return Fitness(f"its breaker is open: {seen.breaker.reason}", max(seen.wait - passed, timedelta(0)))


def is_doubted(seen: Seen | None, limits: Limits) -> bool:
    """Whether something bad is known of the present window: then calls that go well count as well."""
    return seen is not None and not seen.breaker.counted.is_well and seen.now - seen.breaker.window_at < limits.window


def tally_of(outcomes: Sequence[Outcome], *, slow: bool) -> Tally:
    """How a list with these outcomes went; *slow*: it took long."""
    bad = [one for one in outcomes if isinstance(one, Uncertain | Retry) and not one.blameless]
    well = len(outcomes) - len(bad)
    reason = bad[-1].reason if bad else None
    return Tally(calls=len(outcomes), failures=len(bad), slow=well if slow else 0, reason=reason)
