"""What is to be done at which times, and which of the times that have come are still to be kept."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any, cast

from clarion.domain.cadence import Cadence, parse_cadence
from clarion.errors import BadId

#: The most runs that are made up for with ``all``.
MOST = 1_000
#: A run that comes later than this was missed, for ``skip``.
GRACE = timedelta(minutes=1)
#: The farthest that a run may be put behind its time.
LONGEST_JITTER = timedelta(hours=24)

_KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_MICROSECOND = timedelta(microseconds=1)
_STEPS = 1 << 32
_cadence = lru_cache(maxsize=4_096)(parse_cadence)


class CatchUp(StrEnum):
    """What becomes of times that passed while nobody worked."""

    SKIP = "skip"  #: nothing: only what is at most a minute late still runs
    ONE = "one"  #: the newest runs, for all of them
    ALL = "all"  #: each runs, the oldest first; of more than `most` only the newest


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A schedule as published or put."""

    key: str
    #: A cron line, ``@daily`` and the like, or ``every 2m``.
    cron: str
    timezone: str = "UTC"
    catch_up: CatchUp = CatchUp.ONE
    #: With ``all``: how many are made up for.
    most: int = 100
    #: Each run begins up to this much behind its time, and never behind the next.
    jitter: timedelta = timedelta(0)
    #: As stored: a list of actions.
    actions: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def cadence(self) -> Cadence:
        """When it fires; raises `Invalid` as `parse_cadence` does."""
        return _cadence(self.cron, self.timezone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What is to be done with a schedule now."""

    #: The nominal times that run now, in order.
    runs: tuple[datetime, ...] = ()
    #: How many before them do not run, counted up to `MOST`.
    passed_over: int = 0
    #: The first nominal time that is not decided yet, and the moment at which it runs; None: there is none any more.
    next_at: datetime | None = None
    wake_at: datetime | None = None


def check_key(text: str) -> str:
    """*text*, when it can be the key of a schedule; raises `BadId` otherwise. The system's own have a dot."""
    if _KEY.fullmatch(text) is None:
        raise BadId(f"{text[:64]!r} cannot be the key of a schedule: use up to 64 of a-z, 0-9, - and _")
    return text


def due(schedule: Schedule, *, next_at: datetime, now: datetime) -> Due:
    """Which nominal times from *next_at* on run *now*, by the schedule's policy.

    *next_at* is the first that was not decided before. What is answered together is never answered again: the next
    question begins at its `next_at`.
    """
    cadence = schedule.cadence
    last = cadence.before(now + _MICROSECOND)
    if last is not None and wake_at(schedule, last) > now:
        last = cadence.before(last)
    if last is None or last < next_at:
        # No nominal time any more where the zone's rules have changed since it was worked out.
        following = cadence.after(next_at - _MICROSECOND)
        return Due(next_at=following, wake_at=following and wake_at(schedule, following))
    keep = schedule.most if schedule.catch_up is CatchUp.ALL else MOST if schedule.catch_up is CatchUp.SKIP else 1
    runs: list[datetime] = []
    passed, moment = 0, cast("datetime | None", last)
    while moment is not None and moment >= next_at and passed < MOST:
        late = schedule.catch_up is CatchUp.SKIP and now - wake_at(schedule, moment) > GRACE
        if len(runs) < keep and not late:
            runs.append(moment)
        else:
            passed += 1
        moment = cadence.before(moment)
    following = cadence.after(last)
    return Due(
        runs=tuple(reversed(runs)),
        passed_over=passed,
        next_at=following,
        wake_at=following and wake_at(schedule, following),
    )


def wake_at(schedule: Schedule, nominal: datetime) -> datetime:
    """When the run of *nominal* begins: a part of the jitter later that depends on the key and the time alone.

    So whoever works it out comes to the same. It lies before the next nominal time, so that runs keep their order.
    """
    if not schedule.jitter:
        return nominal
    following = schedule.cadence.after(nominal)
    room = schedule.jitter if following is None else min(schedule.jitter, following - nominal)
    seed = hashlib.sha256(f"{schedule.key}@{nominal.timestamp():.0f}".encode()).digest()
    return nominal + room * (int.from_bytes(seed[:4], "big") / _STEPS)
