"""The `date` filter: a moment in the recipient's timezone and in the language of the words around it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, tzinfo
from datetime import date as Date
from typing import TYPE_CHECKING, cast
from zoneinfo import ZoneInfo

from liquid.exceptions import FilterArgumentError

from clarion import clock
from clarion.templates.show import plain

if TYPE_CHECKING:
    from clarion.templates.context import Scope

_STYLES = ("short", "medium", "long", "full")
_DIRECTIVE = re.compile(r"%(?P<flag>-?)(?P<code>.)", re.DOTALL)
_LONGEST = 200


def date(scope: Scope, value: object, style: object = "medium", timezone: object = None) -> object:
    """*value* in words.

    *value* is an RFC 3339 time, a date, seconds since 1970, or ``now``; anything else is shown unchanged, as Liquid
    does. *style* is ``short``, ``medium``, ``long`` or ``full`` (as the locale writes them), or has strftime's
    directives, whose names of months and days are the locale's. A time with an offset is shown in *timezone* (an
    IANA name), else in the recipient's, else in UTC; one without an offset is shown as it stands.
    """
    moment = _parse(value)
    if moment is None:
        return value
    zone = _zone(scope, timezone)
    if isinstance(moment, datetime) and moment.tzinfo is not None:
        moment = moment.astimezone(zone)
    pattern = plain(style, scope.run)
    if len(pattern) > _LONGEST:
        raise FilterArgumentError(f"a date format has at most {_LONGEST} characters", token=None)
    if pattern in _STYLES:
        return _styled(moment, pattern, scope.run.locale)
    return _formatted(moment, pattern, scope.run.locale)


def _parse(value: object) -> datetime | Date | None:
    try:
        if isinstance(value, str):
            return _parse_text(value.strip())
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return None


def _parse_text(text: str) -> datetime | Date:
    if text in ("now", "today"):
        return clock.now()
    if len(text) == 10 and not text.isdigit():
        return Date.fromisoformat(text)
    if text.isdigit() and len(text) <= 12:
        return datetime.fromtimestamp(int(text), UTC)
    return datetime.fromisoformat(text)


def _zone(scope: Scope, timezone: object) -> tzinfo:
    name = timezone
    if not name:
        recipient = scope.globals.get("recipient")
        name = cast("Mapping[str, object]", recipient).get("timezone") if isinstance(recipient, Mapping) else None
    if not name:
        return UTC
    try:
        return ZoneInfo(str(name))
    except (KeyError, ValueError, OSError):
        raise FilterArgumentError(f"{str(name)[:64]!r} is no timezone such as Europe/Lisbon", token=None) from None


def _styled(moment: datetime | Date, style: str, locale: str) -> str:
    from babel import dates  # a few megabytes: only for those who write dates

    if isinstance(moment, datetime):
        zone = moment.tzinfo
        return dates.format_datetime(moment, format=style, locale=babel_locale(locale), tzinfo=zone)
    return dates.format_date(moment, format=style, locale=babel_locale(locale))


def _formatted(moment: datetime | Date, pattern: str, locale: str) -> str:
    whole = moment if isinstance(moment, datetime) else datetime(moment.year, moment.month, moment.day)  # noqa: DTZ001

    def directive(match: re.Match[str]) -> str:
        write = _CODES.get(match["code"])
        if write is None:
            raise FilterArgumentError(f"{match[0]!r} is not a directive for dates", token=None)
        text = write(whole, locale)
        return text.lstrip("0 ") or "0" if match["flag"] else text

    return _DIRECTIVE.sub(directive, pattern)


def _named(babel_pattern: str, code: str) -> Callable[[datetime, str], str]:
    """A directive whose text is the locale's; English is written without loading the others' data."""

    def write(moment: datetime, locale: str) -> str:
        if locale == "en" or locale.startswith("en-"):
            return _ENGLISH[code](moment)
        from babel import dates

        return dates.format_datetime(moment, format=babel_pattern, locale=babel_locale(locale), tzinfo=moment.tzinfo)

    return write


def babel_locale(locale: str) -> str:
    """*locale* as babel knows it, shortened until it does; English when it knows none of it."""
    from babel import Locale, UnknownLocaleError

    parts = locale.split("-")
    while parts:
        try:
            return str(Locale.parse("_".join(parts)))
        except (UnknownLocaleError, ValueError):
            parts.pop()
    return "en"


_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_ENGLISH: Mapping[str, Callable[[datetime], str]] = {
    "A": lambda t: _DAYS[t.weekday()],
    "a": lambda t: _DAYS[t.weekday()][:3],
    "B": lambda t: _MONTHS[t.month - 1],
    "b": lambda t: _MONTHS[t.month - 1][:3],
    "p": lambda t: "AM" if t.hour < 12 else "PM",
}
_CODES: Mapping[str, Callable[[datetime, str], str]] = {
    "A": _named("EEEE", "A"),
    "a": _named("EEE", "a"),
    "B": _named("MMMM", "B"),
    "b": _named("MMM", "b"),
    "p": _named("a", "p"),
    "Y": lambda t, _: f"{t.year:04}",
    "y": lambda t, _: f"{t.year % 100:02}",
    "m": lambda t, _: f"{t.month:02}",
    "d": lambda t, _: f"{t.day:02}",
    "e": lambda t, _: f"{t.day:2}",
    "j": lambda t, _: f"{t.timetuple().tm_yday:03}",
    "H": lambda t, _: f"{t.hour:02}",
    "I": lambda t, _: f"{t.hour % 12 or 12:02}",
    "M": lambda t, _: f"{t.minute:02}",
    "S": lambda t, _: f"{t.second:02}",
    "u": lambda t, _: str(t.isoweekday()),
    "s": lambda t, _: str(int((t if t.tzinfo else t.replace(tzinfo=UTC)).timestamp())),
    "F": lambda t, _: f"{t:%Y-%m-%d}",
    "T": lambda t, _: f"{t:%H:%M:%S}",
    "R": lambda t, _: f"{t:%H:%M}",
    "z": lambda t, _: f"{t:%z}",
    "Z": lambda t, _: f"{t:%Z}",
    "%": lambda t, _: "%",
}
