"""Times that others write: RFC 3339 with an offset, and nothing that only looks like it; and which may be asked for."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from clarion.errors import Fault, Invalid

#: How far ahead anything may be planned.
FARTHEST = timedelta(days=366)
#: A `send_at` this long ago still means now: clocks differ, and requests wait in other people's queues.
LATEST = timedelta(hours=24)

_WRITTEN = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?(?P<zone>[Zz]|[+-]\d\d:\d\d)?", re.ASCII)


def parse_moment(text: str) -> datetime:
    """The time that *text* says, in UTC.

    Raises `Invalid`: ``invalid_time``, or ``timezone_required`` where only the offset is missing.
    """
    match = _WRITTEN.fullmatch(text)
    if match is None:
        raise Invalid("must be an RFC 3339 time such as 2026-01-31T09:30:00Z", code="invalid_time")
    if match["zone"] is None:
        raise Invalid("needs an offset: end it with Z or, say, +01:00", code="timezone_required")
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        # February 30, second 60, hour 25, the year 0, or one that leaves the calendar in UTC.
        raise Invalid("there is no such time", code="invalid_time") from None


def faults_of_times(send_at: datetime | None, expires_at: datetime | None, now: datetime) -> list[Fault]:
    """What is wrong with the two times of a trigger asked for at *now*."""
    found = []
    if send_at is not None and not now - LATEST <= send_at <= now + FARTHEST:
        text = f"must be within the last {LATEST // timedelta(hours=1)} hours or the next {FARTHEST.days} days"
        found.append(Fault("/send_at", text, "out_of_range"))
    if expires_at is not None and not now < expires_at <= now + 2 * FARTHEST:
        found.append(Fault("/expires_at", f"must be in the next {2 * FARTHEST.days} days", "out_of_range"))
    return found
