"""Time zones by their IANA names."""

from __future__ import annotations

import zoneinfo
from functools import cache

from clarion.errors import Invalid


def check_zone(name: str) -> str:
    """*name*, when it is a zone of the IANA database; raises `Invalid` (``unknown_timezone``) otherwise.

    It is looked up in the list of names, never opened: a name could be a path.
    """
    if name not in _zones():
        raise Invalid(
            f"{name[:64]!r} is not a time zone of the IANA database such as Europe/Lisbon", code="unknown_timezone"
        )
    return name


@cache
def _zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())
