"""Domains that mail goes to: what they answer is heard, and who writes to one that asks for patience waits for it.

A worker knows which domains have a limit: those that asked for patience, as seen through one account, and those for
which the settings say a rate. A job for one of them that is not marked with its limit yet is marked, and waits at the
gate from then on. While there is no such domain, no message is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final, NamedTuple

import structlog

from clarion import clock
from clarion.channels.base import Item
from clarion.domain.address import domain_of
from clarion.domain.destination import Heard, Limits
from clarion.domain.outcome import Outcome, Pushback, Retry, Sent
from clarion.flows.rates import DESTINATION, DOMAIN, destination_pace, domain_pace
from clarion.queue import destinations, limits
from clarion.queue.destinations import Moved
from clarion.queue.job import LANES, Job
from clarion.store import destinations as waiting
from clarion.store.database import Connection, Pool

log = structlog.get_logger()

#: So many domains that all ask for patience in one list: then it is the account that is in trouble.
MANY: Final = 3
#: What one domain answers is told no more often than this, unless it is new that it asks for patience.
_TOLD_EVERY_S: Final = 0.5
#: For so long a domain that put something off is looked at with what it takes, too.
_DOUBTED_FOR_S: Final = 60.0
#: Jobs whose deadline passed while they waited are let go so many at a time.
_EXPIRED_AT_ONCE: Final = 2_000


class Held(NamedTuple):
    """Why a job may not go to an account now."""

    #: The pace under which it may.
    pace: str
    #: For the timeline.
    reason: str


@dataclass(slots=True)
class _Known:
    """What this worker heard of a domain and has not told, and what was last answered."""

    heard: Heard = field(default_factory=Heard)
    #: On the monotonic clock.
    told_at: float = float("-inf")
    doubted_until: float = float("-inf")
    reason: str | None = None


class Destinations:
    """The domains of one process. One for all accounts."""

    def __init__(
        self, rules: Limits | None = None, *, kinds: Sequence[str] = (DESTINATION, DOMAIN), queue: str = "email"
    ) -> None:
        """*kinds* of limits it knows of, under which jobs of *queue* wait."""
        self._rules = rules or Limits()
        self._kinds = tuple(f"{kind}:" for kind in kinds)
        self._queue = queue
        #: The names of all limits of domains there are.
        self._limited = frozenset[str]()
        self._known: dict[str, _Known] = {}

    def learn(self, limited: frozenset[str]) -> None:
        """These limits there are now."""
        self._limited = frozenset(name for name in limited if name.startswith(self._kinds))
        if self._known:
            now = clock.monotonic()
            self._known = {
                name: one for name, one in self._known.items() if name in self._limited or one.doubted_until > now
            }

    @property
    def any(self) -> bool:
        """Whether a job may have to wait for a domain at all."""
        return bool(self._limited)

    def held(self, label: str, address: str, job: Job) -> Held | None:
        """What *job*, for *address*, must be marked with before the account *label* may have it; None: it may."""
        domain = domain_of(address)
        needed = [name for name in (destination_pace(label, domain), domain_pace(domain)) if name in self._limited]
        if not needed:
            return None
        has = () if job.pace is None else limits.parts(job.pace)
        missing = [name for name in needed if name not in has]
        if not missing:
            return None
        pace = limits.together((*has, *missing))
        assert pace is not None
        return Held(pace, self._why(label, domain, missing[0]))

    def news(self, label: str, items: Sequence[Any], outcomes: Sequence[Outcome]) -> Mapping[str, Heard]:
        """What is to be told now of the domains of *items*, by name, after they came to *outcomes* with *label*."""
        pushed = [n for n, one in enumerate(outcomes) if isinstance(one, Retry) and one.pushback is not None]
        if not pushed and not self._known and not self._limited:
            return {}
        now, found = clock.monotonic(), dict[str, Heard]()
        for number in pushed:
            outcome = outcomes[number]
            assert isinstance(outcome, Retry)
            away = outcome.pushback is Pushback.AWAY
            heard = Heard(away=int(away), put_off=int(not away), reason=outcome.reason)
            name = destination_pace(label, domain_of(items[number].to))
            found[name] = found.get(name, Heard()) + heard
            self._known.setdefault(name, _Known()).doubted_until = now + _DOUBTED_FOR_S
        for item, outcome in zip(items, outcomes, strict=True):
            if isinstance(outcome, Sent):
                name = destination_pace(label, domain_of(item.to))
                if name in self._known or name in self._limited:
                    found[name] = found.get(name, Heard()) + Heard(taken=1)
        return {name: due for name, heard in found.items() if (due := self._due(name, heard, now)) is not None}

    async def tell(self, connection: Connection, news: Mapping[str, Heard]) -> None:
        """Tell all workers, by the rows that they share."""
        for name, heard in sorted(news.items()):
            moved = await destinations.hear(connection, name, heard, self._rules)
            one = self._known.setdefault(name, _Known())
            one.told_at, one.reason = clock.monotonic(), moved.after.reason
            self._limited = self._limited | {name} if moved.is_limited else self._limited - {name}
            tell(name, moved)

    async def run_once(self, pool: Pool) -> int:
        """Forget domains that have been well for long; let go whose deadline passed while they waited for one."""
        if not self._limited:
            return 0
        async with pool.acquire() as connection:
            for name in await destinations.forget(connection, self._rules):
                log.info("destination.forgotten", destination=name)
            return await waiting.let_go_expired(
                connection, self._queue, sorted(self._limited), _EXPIRED_AT_ONCE, lanes=LANES
            )

    def _due(self, name: str, heard: Heard, now: float) -> Heard | None:
        """All that is to be told of *name*; None where it can wait."""
        one = self._known.setdefault(name, _Known())
        one.heard += heard
        if not heard.away and now - one.told_at < _TOLD_EVERY_S:
            return None
        due, one.heard = one.heard, Heard()
        return due

    def _why(self, label: str, domain: str, name: str) -> str:
        if name == domain_pace(domain):
            return f"{domain} has a rate"
        one = self._known.get(name)
        said = f": {one.reason}" if one is not None and one.reason else ""
        return f"{domain} asks for patience ({label}){said}"


def blame(items: Sequence[Item], outcomes: list[Outcome]) -> list[Outcome]:
    """*outcomes* as they count for the account: where many domains ask for patience at once, it is the one to blame."""
    pushed = [n for n, one in enumerate(outcomes) if isinstance(one, Retry) and one.pushback is not None]
    if len(pushed) < MANY or len({domain_of(items[n].to) for n in pushed}) < MANY:  # type: ignore[attr-defined]
        return outcomes
    blamed = list(outcomes)
    for number in pushed:
        outcome = outcomes[number]
        assert isinstance(outcome, Retry)
        blamed[number] = replace(outcome, blameless=False)
    return blamed


def tell(name: str, moved: Moved) -> None:
    """Log that a domain was parked, slowed or freed."""
    before, after = moved.before, moved.after
    if after.is_parked(moved.now) and not before.is_parked(moved.now):
        until = after.until.isoformat() if after.until is not None else None
        log.warning("destination.parked", destination=name, until=until, times=after.parked, reason=after.reason)
    elif after.per_second is None and before.per_second is not None:
        log.info("destination.freed", destination=name)
    elif after.per_second is not None and after.per_second != before.per_second:
        log.info("destination.paced", destination=name, per_second=round(after.per_second, 3), reason=after.reason)


#: How often `Destinations.run_once` is called.
EVERY: Final = timedelta(seconds=30)
