"""What one worker knows of the accounts of a channel: which may be used, how they fare, how much is on its way there.

The bulkheads stand here: each account has so many places for lists, so that one that hangs takes only its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import structlog

from clarion import clock
from clarion.domain.breaker import Limits, State, Tally
from clarion.domain.outcome import Outcome, Retry, Uncertain
from clarion.domain.route import Fitness
from clarion.flows.account import KnownAccount, OnTheWay, add, fitness_of, is_doubted, tally_of, was_closed
from clarion.flows.rates import provider_pace
from clarion.queue import breakers, limits
from clarion.queue.breakers import Moved, Seen
from clarion.queue.limits import Refused, Reserved
from clarion.store.database import Connection

log = structlog.get_logger()

#: How long it is taken for known whether an account is paused, and how its breaker is.
_KNOWN_FOR_S = 0.1
#: How long it is taken for known which accounts have a rate; and as much of it as may be used at once.
_LIMITS_KNOWN_FOR_S, _AT_ONCE = 1.0, timedelta(seconds=0.1)
#: Calls are told to the breaker no more often than this.
_TOLD_EVERY_S = 0.25
#: A place is waited for so long; and where a list takes longer than that while all places are taken, not at all.
_PATIENCE_S = 1.0


class Accounts:
    """The accounts of one channel, by their labels."""

    def __init__(self, labels: Iterable[str], *, limits: Limits, places: int) -> None:
        """*places*: how many lists may be on their way to one account at the same time."""
        self.limits = limits
        self._accounts = {label: KnownAccount(asyncio.Semaphore(places)) for label in labels}
        #: On the monotonic clock: until then nothing is asked again.
        self._known_until = self._limits_known_until = float("-inf")

    async def look(self, connection: Connection) -> dict[str, Fitness]:
        """Which accounts may be used now. Asks the database a few times a second at most."""
        now = clock.monotonic()
        if now >= self._known_until:
            self._known_until = now + _KNOWN_FOR_S
            paused = await limits.paused(connection, [provider_pace(label) for label in self._accounts])
            seen = await breakers.states(connection, list(self._accounts))
            for label, account in self._accounts.items():
                if was_closed(account.seen, seen.get(label)):  # what was counted before says nothing any more
                    account.tally = Tally()
                account.paused, account.seen = paused.get(provider_pace(label)), seen.get(label)
                account.paused_at = account.seen_at = now
        for label, account in self._accounts.items():
            late = [one for one in account.lists if not one.counted and self._is_slow(now - one.began)]
            for one in late:
                one.counted = True
                add(account, Tally(calls=one.size, slow=one.size))
            if self._must_tell(account):
                await self.tell(connection, label)
        if now >= self._limits_known_until and len(self._accounts) > 1:  # of one alone the gate keeps the limit
            self._limits_known_until = now + _LIMITS_KNOWN_FOR_S
            found = await limits.find(connection, [provider_pace(label) for label in self._accounts])
            for label, account in self._accounts.items():
                account.limit = found.get(provider_pace(label))
        return self.fitness()

    async def within_limit(self, connection: Connection, label: str, count: int, *, urgent: bool = False) -> int:
        """How many of *count* messages, all of them *urgent* or none, the account has a place for now: so many are
        theirs. `fitness` says how long not for more.
        """
        account = self._accounts[label]
        if account.limit is None:
            return count
        # Of a limit that keeps nothing for them, the urgent take the next places by being the first who are asked for.
        kept = urgent and account.limit.reserve > 0
        answer = await limits.reserve(connection, provider_pace(label), count, horizon=_AT_ONCE, urgent=kept)
        granted = len(answer.delays) if isinstance(answer, Reserved) else 0
        if granted < count:
            wait = answer.wait.total_seconds() if isinstance(answer, Refused) else 1 / answer.per_second
            account.spent_until = clock.monotonic() + max(wait, _AT_ONCE.total_seconds())
        return granted

    def fitness(self) -> dict[str, Fitness]:
        """Which accounts may be used, as far as is known without asking."""
        return {label: fitness_of(account, clock.monotonic()) for label, account in self._accounts.items()}

    def needs_probe(self, label: str) -> bool:
        """Whether it may be used by a single message alone, which somebody must have claimed as a probe."""
        seen = self._accounts[label].seen
        return seen is not None and seen.breaker.state is not State.CLOSED

    def ask_again(self) -> None:
        """Something has just changed: what is known is asked for anew."""
        self._known_until = float("-inf")

    async def claim_probe(self, connection: Connection, label: str) -> int | None:
        """The number of a probe that is this worker's; None where somebody else has it, or none may go yet."""
        moved = await breakers.claim(connection, label, self.limits)
        if moved is None:
            self.ask_again()
            return None
        self._saw(label, moved)
        return moved.after.probe

    async def told_of_probe(self, connection: Connection, label: str, probe: int, outcome: Outcome | None) -> None:
        """What became of a probe; None: it could not be sent."""
        if outcome is None:
            self._saw(label, await breakers.give_back(connection, label, probe))
            return
        # One that a domain put off was answered: the account is well.
        answered = isinstance(outcome, Retry) and outcome.pushback is not None
        failure = outcome.reason if isinstance(outcome, Retry | Uncertain) and not answered else None
        self._saw(label, await breakers.probed(connection, label, probe, failure, self.limits))

    def is_stuck(self, label: str) -> bool:
        """Whether all places of *label* are taken by lists that do not come back."""
        account, now = self._accounts[label], clock.monotonic()
        return account.places.locked() and all(now - one.began >= _PATIENCE_S for one in account.lists)

    @asynccontextmanager
    async def place(self, label: str, size: int, *, reserved: bool = False) -> AsyncIterator[OnTheWay | None]:
        """A place at *label* for a list of *size*; None where none comes free soon. One that is *reserved* is there."""
        account = self._accounts[label]
        if not reserved and not await _entered(account.places):
            yield None
            return
        one = OnTheWay(size, clock.monotonic())
        account.lists.append(one)
        try:
            yield one
        finally:
            account.lists.remove(one)
            if not reserved:
                account.places.release()

    def has_news(self, label: str, one: OnTheWay, outcomes: Sequence[Outcome]) -> bool:
        """Count how a list went; whether there is anything in it that the breaker should be told."""
        account = self._accounts[label]
        if not one.counted:
            add(account, tally_of(outcomes, slow=self._is_slow(clock.monotonic() - one.began)))
        return self._must_tell(account)

    async def tell(self, connection: Connection, label: str) -> None:
        """Tell the breaker how lists went."""
        account = self._accounts[label]
        tally, account.tally, account.told_at = account.tally, Tally(), clock.monotonic()
        self._saw(label, await breakers.count(connection, label, tally, self.limits))

    def _is_slow(self, seconds: float) -> bool:
        return seconds > self.limits.slow.total_seconds()

    def _must_tell(self, account: KnownAccount) -> bool:
        """Whether there is any use in telling, and it was not told just now."""
        if clock.monotonic() - account.tally_at > self.limits.window.total_seconds():
            account.tally = Tally()  # nothing was sent since: by now the account may be well
        if not account.tally.calls or clock.monotonic() - account.told_at < _TOLD_EVERY_S:
            return False
        if account.tally.is_well and not is_doubted(account.seen, self.limits):
            account.tally = Tally()
            return False
        return True

    def _saw(self, label: str, moved: Moved) -> None:
        account = self._accounts[label]
        account.seen, account.seen_at = Seen(moved.after, moved.now), clock.monotonic()
        tell(label, moved)


def tell(label: str, moved: Moved) -> None:
    """Log that a breaker has changed its state."""
    after = moved.after
    if after.state is moved.before.state and after.since == moved.before.since:
        return
    if after.state is State.OPEN:
        until = after.until.isoformat() if after.until is not None else None
        log.warning("breaker.opened", provider=label, reason=after.reason, until=until, times=after.opened)
    elif after.state is State.HALF_OPEN:
        log.info("breaker.half_open", provider=label, probe=after.probe)
    else:
        log.info("breaker.closed", provider=label)


async def _entered(places: asyncio.Semaphore) -> bool:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return await places.acquire()
    except TimeoutError:
        return False
