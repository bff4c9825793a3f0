"""Rooms that are busy: most providers limit each by itself, and tell who came too often when to come again.

What one worker process learns so, it keeps to without asking again; no other room waits for it.
"""

from __future__ import annotations

from datetime import timedelta

from clarion import clock

#: Of more rooms than these, those are forgotten that are free again.
_MOST = 10_000


class Busy:
    """When each room may be written to again, on the monotonic clock."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}

    def note(self, room: str, wait: timedelta) -> None:
        """*room* takes nothing for so long."""
        now = clock.monotonic()
        if len(self._until) >= _MOST:
            self._until = {one: until for one, until in self._until.items() if until > now}
        self._until[room] = max(now + wait.total_seconds(), self._until.get(room, 0.0))

    def wait(self, room: str) -> timedelta | None:
        """For how long *room* still takes nothing; None when it may be written to."""
        left = self._until.get(room, 0.0) - clock.monotonic()
        return timedelta(seconds=left) if left > 0 else None

    def __repr__(self) -> str:
        return f"{len(self._until)} busy rooms"  # some are known by their webhook's address, which is a secret
