"""How far the time that a provider signs may lie from now."""

from __future__ import annotations

from datetime import datetime, timedelta

#: Nobody signs what is to come: only clocks differ.
AHEAD = timedelta(minutes=5)


def is_fresh(signed_s: float, now: datetime, age: timedelta) -> bool:
    """Whether what was signed at *signed_s* (seconds since 1970) is no older than *age*, and not of the future."""
    return -AHEAD.total_seconds() <= now.timestamp() - signed_s <= age.total_seconds()
