"""When a schedule fires: at the times of a cron line, or every so often."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from clarion.domain.cron import LONGEST, Cron, parse_cron
from clarion.domain.duration import parse_duration
from clarion.domain.zone import check_zone
from clarion.errors import Invalid

#: Nothing fires more often: what must is a stream of events, not a schedule.
LEAST = timedelta(minutes=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Every:
    """At whole multiples of a length since 1970 in UTC, so ``every 2m`` at :00, :02, … and ``every 24h`` at midnight.

    The times depend on nothing but the length: whoever works them out, whenever, comes to the same.
    """

    length: timedelta

    def after(self, moment: datetime) -> datetime | None:
        """The first time it fires after *moment*."""
        found = _EPOCH + ((moment - _EPOCH) // self.length + 1) * self.length
        return found if found < _LAST else None

    def before(self, moment: datetime) -> datetime | None:
        """The last time it fired before *moment*."""
        return _EPOCH - ((_EPOCH - moment) // self.length + 1) * self.length


Cadence = Cron | Every


def parse_cadence(text: str, timezone: str = "UTC") -> Cadence:
    """What *text* says: a cron line, one of ``@hourly @daily @weekly @monthly @yearly``, or ``every 2m``.

    Raises `Invalid`: ``unknown_timezone``, ``too_long``, ``invalid_cron``, ``never_fires``, ``invalid_duration``, or
    ``too_often`` for what would fire more than once a minute.
    """
    word, _, rest = text.strip().partition(" ")
    if word.lower() != "every" or len(text) > LONGEST:
        return parse_cron(text, timezone)
    check_zone(timezone)
    length = parse_duration(rest)
    if length < LEAST:
        raise Invalid("a schedule fires at most once a minute: write `every 1m` or more", code="too_often")
    return Every(length=length)


def upcoming(cadence: Cadence, after: datetime, count: int) -> list[datetime]:
    """The next *count* times after *after*; fewer when there are no more."""
    found: list[datetime] = []
    moment: datetime | None = after
    while len(found) < count and (moment := cadence.after(moment or after)) is not None:
        found.append(moment)
    return found
