"""Cron lines in a time zone: the moments at which they fire.

The rule at both ends of summer time, as Debian's cron has it:

- a line whose minute and hour are both given (``30 2 * * *``) fires once for each of its local times: one that does not
  exist fires at the first moment after the gap, one that exists twice fires at its first occurrence. Several that fall
  into one gap fire together, once.
- a line whose minute or hour begins with ``*`` (``*/15 * * * *``) goes on in real time: it fires at every moment whose
  local time fits, so nothing in a gap, and twice in an hour that comes twice.

Lines have five fields: minute, hour, day of month, month, day of week; with lists, ranges, steps, names, ``L``, ``LW``
and ``#``. Where one of the two day fields begins with ``*`` both must fit, else one of them is enough.
"""

from __future__ import annotations

import zoneinfo
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, time, timedelta
from functools import cache, lru_cache

from cronsim import CronSim, CronSimError
from cronsim.cronsim import Field

from clarion.domain.zone import check_zone
from clarion.errors import Invalid

#: Characters in a line; every sensible one has fewer.
LONGEST = 200

NAMED = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_FIELDS = (Field.MINUTE, Field.HOUR, Field.DAY, Field.MONTH, Field.DOW)
_NAMES = ("minute", "hour", "day of month", "month", "day of week")

#: No clock is ever set by more.
_FARTHEST_CHANGE = timedelta(hours=25)
_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
#: Anything that ever fires does so within this; leap days on a Monday come every 28 years, but for those around 2100.
_GIVE_UP = 366 * 45
#: Where the search for a first time begins, for lines that are only checked.
_SOME_DAY = datetime(2024, 1, 1)  # noqa: DTZ001 - local time of no place


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """A line that was checked, in a zone that exists. Made by `parse_cron`."""

    #: The five fields, in capitals.
    line: str
    timezone: str

    def after(self, moment: datetime) -> datetime | None:
        """The first time it fires after *moment* (both aware, the answer in UTC); None past the end of the calendar."""
        zone, local = _zone(self.timezone), moment.astimezone(_zone(self.timezone))
        if not _near_change(moment, zone):
            found = _first(self.line, local.replace(tzinfo=None))
            if found is None:
                return None
            sure = found.replace(tzinfo=zone).astimezone(UTC)
            if not _near_change(sure, zone):
                return sure
        return self._search_after(moment, local.date())

    def before(self, moment: datetime) -> datetime | None:
        """The last time it fired before *moment*."""
        zone, local = _zone(self.timezone), moment.astimezone(_zone(self.timezone))
        if not _near_change(moment, zone):
            found = _first(self.line, local.replace(tzinfo=None), reverse=True)
            if found is None:
                return None
            sure = found.replace(tzinfo=zone).astimezone(UTC)
            if not _near_change(sure, zone):
                return sure
        return self._search_before(moment, local.date())

    def _search_after(self, moment: datetime, day: date) -> datetime | None:
        """Day by day. A day whose end comes twice may overlap the next, so that both are looked at."""
        found: list[datetime] = []
        for number in range(-1, _GIVE_UP):
            ready = bool(found)
            times = _moments(self.line, self.timezone, day + number * _DAY)
            found += times[bisect_right(times, moment) :][:1]
            if ready:
                break
        return min(found, default=None)

    def _search_before(self, moment: datetime, day: date) -> datetime | None:
        found: list[datetime] = []
        for number in range(-1, _GIVE_UP):
            ready = bool(found)
            times = _moments(self.line, self.timezone, day - number * _DAY)
            found += times[: bisect_left(times, moment)][-1:]
            if ready:
                break
        return max(found, default=None)


def parse_cron(text: str, timezone: str) -> Cron:
    """The line *text* in the zone *timezone*.

    Raises `Invalid`: ``unknown_timezone``, ``too_long``, ``invalid_cron`` or ``never_fires``.
    """
    check_zone(timezone)
    if len(text) > LONGEST:
        raise Invalid(f"a cron line has at most {LONGEST} characters, this one {len(text):,}", code="too_long")
    line = NAMED.get(text.strip().lower(), text)
    fields = line.upper().split()
    if len(fields) != len(_FIELDS):
        more = "; seconds and years are not told here" if len(fields) > len(_FIELDS) else ""
        raise _wrong(f"a cron line has five fields, this one {len(fields)}{more}: {', '.join(_NAMES)}")
    for field, name, part in zip(_FIELDS, _NAMES, fields, strict=True):
        try:
            field.parse(part)
        except (CronSimError, AssertionError, ValueError):
            raise _wrong(f"{part[:40]!r} is not a {name}") from None
    cron = Cron(line=" ".join(fields), timezone=timezone)
    if _first(cron.line, _SOME_DAY) is None:
        raise Invalid(f"{text[:80]!r} never fires: there is no such day", code="never_fires")
    return cron


def _wrong(message: str) -> Invalid:
    return Invalid(f"{message}; write for example `30 7 * * MON-FRI`", code="invalid_cron")


@cache
def _zone(name: str) -> zoneinfo.ZoneInfo:
    return zoneinfo.ZoneInfo(name)


def _near_change(moment: datetime, zone: zoneinfo.ZoneInfo) -> bool:
    """Whether clocks may be set around *moment*: then local time is not to be reckoned with."""
    if moment.year in (MINYEAR, MAXYEAR):
        return False
    before, after = moment - _FARTHEST_CHANGE, moment + _FARTHEST_CHANGE
    return before.astimezone(zone).utcoffset() != after.astimezone(zone).utcoffset()


def _first(line: str, local: datetime, *, reverse: bool = False) -> datetime | None:
    """The first local time after (before) *local* that fits, in a place whose clocks are never set."""
    try:
        found: datetime = next(CronSim(line, local, reverse))
    except (CronSimError, StopIteration, OverflowError, ValueError):
        return None
    return found


@lru_cache(maxsize=512)
def _moments(line: str, timezone: str, day: date) -> list[datetime]:
    """All moments for the local date *day*, in order; by the rule above."""
    fits = CronSim(line, datetime.combine(day, time()))
    if day.month not in fits.months or not fits.match_day(day):
        return []
    zone, real = _zone(timezone), line.split()[0].startswith("*") or line.split()[1].startswith("*")
    found = set()
    for hour in fits.hours:
        for minute in fits.minutes:
            local = datetime.combine(day, time(hour, minute), tzinfo=zone)
            first, second = local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)
            if first.astimezone(zone).replace(tzinfo=None) != local.replace(tzinfo=None):
                if not real:
                    found.add(_end_of_gap(second, first, zone))
                continue
            found |= {first, second} if real else {first}
    return sorted(found)


def _end_of_gap(before: datetime, after: datetime, zone: zoneinfo.ZoneInfo) -> datetime:
    """The first moment, to the second, at which the clocks of *zone* have been set; between *before* and *after*."""
    old = before.astimezone(zone).utcoffset()
    while after - before > _SECOND:
        middle = (before + (after - before) / 2).replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == old:
            before = middle
        else:
            after = middle
    return after
