"""Lengths of time as people write them: ``5s``, ``10m``, ``3h``, ``2d``, ``1h30m``, or ISO 8601's ``PT5S``."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

from clarion.errors import Invalid

#: No length in Clarion is longer than this.
LONGEST = timedelta(days=366)

_NUMBER = r"[0-9]{1,12}(?:\.[0-9]{1,9})?"
#: Biggest first, so that each unit may stand only once and only in this order.
_PLAIN = re.compile(
    rf"(?:(?P<w>{_NUMBER})w)?(?:(?P<d>{_NUMBER})d)?(?:(?P<h>{_NUMBER})h)?"
    rf"(?:(?P<m>{_NUMBER})m(?!s))?(?:(?P<s>{_NUMBER})s)?(?:(?P<ms>{_NUMBER})ms)?"
)
#: ISO 8601-1 §5.5.2.2 without years and months, which have no fixed length.
_ISO = re.compile(
    rf"P(?:(?P<w>{_NUMBER})W)?(?:(?P<d>{_NUMBER})D)?"
    rf"(?:T(?=[0-9])(?:(?P<h>{_NUMBER})H)?(?:(?P<m>{_NUMBER})M)?(?:(?P<s>{_NUMBER})S)?)?"
)
_MICROSECONDS = {"w": 604_800_000_000, "d": 86_400_000_000, "h": 3_600_000_000, "m": 60_000_000, "s": 1_000_000}
_MICROSECONDS["ms"] = 1_000
_HOW = "write for example 5s, 10m, 3h, 2d, 1h30m or PT5S"


def parse_duration(text: str) -> timedelta:
    """The length that *text* names, from 0 to 366 days.

    Units are ``w d h m s ms``, from long to short, each at most once; decimals are allowed (``1.5h``). What is
    finer than a microsecond is rounded.

    Raises `Invalid` (code ``invalid_duration``) when it is not a length or out of range.
    """
    given = text.strip() if len(text) <= 64 else ""
    match = (_ISO if given[:1] == "P" else _PLAIN).fullmatch(given)
    parts = {unit: amount for unit, amount in match.groupdict().items() if amount} if match else {}
    if not parts:
        raise Invalid(f"{text[:64]!r} is not a length of time: {_why(given)}", code="invalid_duration")
    micro = sum(Decimal(amount) * _MICROSECONDS[unit] for unit, amount in parts.items())
    if micro > LONGEST // timedelta(microseconds=1):
        raise Invalid(f"{text[:64]!r} is too long: at most 366d", code="invalid_duration")
    return timedelta(microseconds=round(micro))


def show_duration(length: timedelta) -> str:
    """*length* as `parse_duration` reads it, in the fewest units: ``1h30m``, ``2d``, ``0.25s``, ``0s``.

    Raises `ValueError` for a negative length.
    """
    if length < timedelta(0):
        raise ValueError("a length of time cannot be negative")
    minutes, seconds = divmod(length.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{length.microseconds:06d}".rstrip("0") if length.microseconds else ""
    parts = [(length.days, f"{length.days}d"), (hours, f"{hours}h"), (minutes, f"{minutes}m")]
    parts.append((seconds or length.microseconds, f"{seconds}{fraction}s"))
    return "".join(shown for amount, shown in parts if amount) or "0s"


def _why(given: str) -> str:
    if re.fullmatch(_NUMBER, given):
        return f"it has no unit; did you mean {given}s?"
    if given.startswith("-"):
        return f"it cannot be negative; {_HOW}"
    return _HOW
