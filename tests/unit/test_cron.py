"""Cron in every time zone there is, against an oracle that walks through the minutes of the wall clock."""

from __future__ import annotations

import importlib.resources
import random
import zoneinfo
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest

from clarion.domain.cadence import Every, parse_cadence, upcoming
from clarion.domain.cron import parse_cron
from clarion.errors import Invalid

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
AROUND = timedelta(hours=28)
ZONES = sorted(zoneinfo.available_timezones())


def rules(name: str) -> bytes:
    """All that is known of a zone: of those with several names it is the same."""
    for folder in zoneinfo.TZPATH:
        if (file := Path(folder, name)).is_file():
            return file.read_bytes()
    return importlib.resources.files("tzdata").joinpath("zoneinfo", name).read_bytes()


#: One name for each zone.
DIFFERENT = sorted({rules(name): name for name in ZONES}.values())
FIRST, LAST = datetime(2024, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)
#: Minutes, hours, days of the week; None is a star. Kept as sets, so that the oracle has no parser to share.
LINES: dict[str, tuple[set[int] | None, set[int] | None, set[int] | None]] = {
    "30 2 * * *": ({30}, {2}, None),
    "0,15,30,45 0-5 * * *": ({0, 15, 30, 45}, {0, 1, 2, 3, 4, 5}, None),
    "59 23 * * *": ({59}, {23}, None),
    "0 0,12 * * SUN": ({0}, {0, 12}, {6}),
    "7 1-3 * * MON-SAT": ({7}, {1, 2, 3}, {0, 1, 2, 3, 4, 5}),
    "*/20 * * * *": ({0, 20, 40}, None, None),
    "10 * * * *": ({10}, None, None),
    "* 2 * * *": (None, {2}, None),
    "0 */2 * * *": ({0}, set(range(0, 24, 2)), None),
}
REAL = {line for line in LINES if line.split()[0].startswith("*") or line.split()[1].startswith("*")}


@cache
def changes(name: str) -> list[datetime]:
    """The moments from 2024 to 2030 at which the clocks of a zone are set."""
    zone, found, day = zoneinfo.ZoneInfo(name), [], FIRST
    while day < LAST:
        low, high = day, day + 7 * DAY
        if low.astimezone(zone).utcoffset() != high.astimezone(zone).utcoffset():
            while high - low > MINUTE:
                middle = low + (high - low) // 2 // MINUTE * MINUTE
                if middle.astimezone(zone).utcoffset() == low.astimezone(zone).utcoffset():
                    low = middle
                else:
                    high = middle
            found.append(high)
        day += 7 * DAY
    return found


@cache
def walk(name: str, change: datetime) -> list[tuple[datetime, datetime]]:
    """Every minute around *change*: in UTC, and as the wall clock of the zone shows it."""
    zone = zoneinfo.ZoneInfo(name)
    minutes = (change - AROUND + n * MINUTE for n in range(2 * (AROUND // MINUTE) + 1))
    return [(minute, minute.astimezone(zone).replace(tzinfo=None)) for minute in minutes]


def expected(name: str, change: datetime, line: str) -> list[datetime]:
    """By the rule as it is written, minute by minute."""
    minutes, hours, days = LINES[line]

    def fits(wall: datetime) -> bool:
        return (
            (minutes is None or wall.minute in minutes)
            and (hours is None or wall.hour in hours)
            and (days is None or wall.weekday() in days)
        )

    walked = walk(name, change)
    if line in REAL:
        return [moment for moment, wall in walked if fits(wall)]
    fired, furthest = [], walked[0][1] - MINUTE
    for moment, wall in walked:
        # Each wall time counts once, when the clock first reaches it or jumps over it.
        if wall <= furthest:
            continue
        reached = [furthest + n * MINUTE for n in range(1, (wall - furthest) // MINUTE + 1)]
        if any(fits(one) for one in reached):
            fired.append(moment)
        furthest = wall
    return fired


@pytest.mark.parametrize("name", DIFFERENT)
def test_fires_exactly_once_per_nominal_time(name: str) -> None:
    """Strictly rising, never early, none missed; forwards and backwards, from anywhere."""
    chance = random.Random(name)
    samples = changes(name) or [FIRST + chance.randrange(3000) * DAY + 2 * timedelta(hours=1)]
    for change in chance.sample(samples, 1):
        for line in chance.sample(sorted(LINES), 4):
            cron, times = parse_cron(line, name), expected(name, change, line)
            start, end = change - AROUND - timedelta(seconds=1), change + AROUND
            found, moment = [], cron.after(start)
            while moment is not None and moment <= end:
                found.append(moment)
                moment = cron.after(moment)
            assert found == times, (line, change)
            for _ in range(5):
                somewhere = start + timedelta(seconds=chance.randrange(2, int(2 * AROUND.total_seconds())))
                assert cron.after(somewhere) == next((one for one in times if one > somewhere), moment), line
                before = [one for one in times if one < somewhere]
                if before:
                    assert cron.before(somewhere) == before[-1], (line, somewhere)


def test_there_were_clocks_to_set() -> None:
    assert sum(bool(changes(name)) for name in DIFFERENT) > 80


def test_every_name_of_a_zone_is_known() -> None:
    assert [parse_cron("0 0 * * *", name).timezone for name in ZONES] == ZONES


def berlin(text: str, *moments: str) -> list[str]:
    """The next times of *text* after the first of *moments* as local time with its offset."""
    zone = zoneinfo.ZoneInfo("Europe/Berlin")
    found = upcoming(parse_cadence(text, "Europe/Berlin"), datetime.fromisoformat(moments[0]), 2)
    return [one.astimezone(zone).isoformat() for one in found]


def test_what_does_not_exist_fires_after_the_gap_and_what_exists_twice_the_first_time() -> None:
    assert berlin("30 2 * * *", "2026-03-29T00:00Z") == ["2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"]
    assert berlin("30 2 * * *", "2026-10-24T12:00Z") == ["2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"]
    # in the hour that comes twice, the first time is over
    assert berlin("30 2 * * *", "2026-10-25T01:10Z") == ["2026-10-26T02:30:00+01:00", "2026-10-27T02:30:00+01:00"]


def test_a_zone_that_lost_a_day() -> None:
    """Samoa went from 29 to 31 December 2011: what was due on the 30th comes at the first moment of the 31st, once."""
    found = upcoming(parse_cadence("0 12 * * *", "Pacific/Apia"), datetime(2011, 12, 29, 10, 30, tzinfo=UTC), 3)
    assert [one.isoformat() for one in found] == [
        "2011-12-29T22:00:00+00:00",
        "2011-12-30T10:00:00+00:00",
        "2011-12-30T22:00:00+00:00",
    ]


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("@daily", ["2026-01-01T00:00", "2026-01-02T00:00"]),
        ("@Weekly", ["2026-01-04T00:00", "2026-01-11T00:00"]),
        ("0 9 L * *", ["2026-01-31T09:00", "2026-02-28T09:00"]),
        ("0 9 * * mon#1", ["2026-01-05T09:00", "2026-02-02T09:00"]),
        ("0 0 29 FEB *", ["2028-02-29T00:00", "2032-02-29T00:00"]),
        ("0 0 13 * FRI", ["2026-01-02T00:00", "2026-01-09T00:00"]),
        ("every 2m", ["2026-01-01T00:00", "2026-01-01T00:02"]),
        ("every 24h", ["2026-01-01T00:00", "2026-01-02T00:00"]),
        ("EVERY 1h30m", ["2026-01-01T00:00", "2026-01-01T01:30"]),
    ],
)
def test_what_can_be_written(text: str, times: list[str]) -> None:
    found = upcoming(parse_cadence(text), datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC), 2)
    assert [one.isoformat()[:16] for one in found] == times


@pytest.mark.parametrize(
    ("text", "zone", "code"),
    [
        ("* * 31 2 *", "UTC", "never_fires"),
        ("0 0 30 2 *", "UTC", "never_fires"),
        ("0 0 31 4,6,9,11 *", "Europe/Berlin", "never_fires"),
        ("* * * * * *", "UTC", "invalid_cron"),
        ("0 0 12 1 1 * 2027", "UTC", "invalid_cron"),
        ("", "UTC", "invalid_cron"),
        ("@reboot", "UTC", "invalid_cron"),
        ("60 * * * *", "UTC", "invalid_cron"),
        ("* 24 * * *", "UTC", "invalid_cron"),
        ("*/0 * * * *", "UTC", "invalid_cron"),
        ("5-1 * * * *", "UTC", "invalid_cron"),
        ("\u0663 * * * *", "UTC", "invalid_cron"),
        ("0 0 * * \u00b2L", "UTC", "invalid_cron"),
        ("0 0 * * 1#2/3", "UTC", "invalid_cron"),
        ("0 0 L/2,1 * MON#6", "UTC", "invalid_cron"),
        ("9" * 190 + " * * * *", "UTC", "invalid_cron"),
        ("*" * 10_000, "UTC", "too_long"),
        ("every 1s", "UTC", "too_often"),
        ("every 59.9s", "UTC", "too_often"),
        ("every day", "UTC", "invalid_duration"),
        ("every 400d", "UTC", "invalid_duration"),
        ("0 0 * * *", "Mars/Base", "unknown_timezone"),
        ("0 0 * * *", "../../etc/passwd", "unknown_timezone"),
        ("every 5m", "/etc/localtime", "unknown_timezone"),
    ],
)
def test_what_cannot(text: str, zone: str, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_cadence(text, zone)
    assert caught.value.code == code


def test_the_end_of_the_calendar_is_no_surprise() -> None:
    assert parse_cadence("0 0 * * *").after(datetime(9999, 12, 31, 12, tzinfo=UTC)) is None
    assert Every(length=DAY).after(datetime(9999, 12, 30, tzinfo=UTC)) is None
