"""How long to wait before the next attempt."""

from __future__ import annotations

from datetime import timedelta

from clarion.domain.workflow import Backoff


def wait(backoff: Backoff, tried: int, chance: float) -> timedelta:
    """The wait after attempt number *tried* (1 is the first); *chance* in 0…1 picks the place within the jitter."""
    listed = backoff.waits
    if tried <= len(listed):
        base = listed[tried - 1]
    else:
        base = _grown(listed[-1], backoff.factor, tried - len(listed), backoff.longest)
    jittered = min(base, backoff.longest) * (1 + backoff.jitter * (2 * chance - 1))
    return max(jittered, timedelta(0))


def _grown(last: timedelta, factor: float, times: int, longest: timedelta) -> timedelta:
    grown = last
    for _ in range(times):
        if grown >= longest or factor <= 1:
            break
        grown = min(grown * factor, longest)
    return grown
