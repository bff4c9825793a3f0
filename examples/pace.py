"""How evenly things came, told by the times at which they came."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator

#: Every window of so many seconds …
WINDOW_S = 5.0
#: … holds what the rate says, with so much more or less.
TOLERANCE = 0.10


#: What was wanted so long ago, and has not come, is held back: it waits for its turn.
_HELD_BACK_S = 1.0


def uneven(came: Iterable[float], wanted: Iterable[float], *, per_second: float, peak: int) -> list[str]:
    """In words, where things did not come at a pace of *per_second*; nothing where they did.

    *came* and *wanted* are times in seconds: when each came, when each could have come. In each of all windows of
    5 seconds in which some were held back all the time there must be as many as the rate says, within a tenth; in
    any window no more than that, and in no second more than *peak*.
    """
    came, expected = sorted(came), per_second * WINDOW_S
    faults = []
    if (most := most_within(came, 1.0)) > peak:
        faults.append(f"in one second there were {most}, and not at most {peak}")
    if (most := most_within(came, WINDOW_S)) > expected * (1 + TOLERANCE):
        faults.append(f"in {WINDOW_S:g} seconds there were {most}, and not about {expected:g}")
    least = [found for span in crowded(came, sorted(wanted)) if (found := least_within(span, WINDOW_S)) is not None]
    if not least:
        faults.append(f"never were some held back for {WINDOW_S:g} seconds")
    elif min(least) < expected * (1 - TOLERANCE):
        faults.append(f"in {WINDOW_S:g} seconds there were only {min(least)}, and not about {expected:g}")
    return faults


def crowded(came: list[float], wanted: list[float]) -> Iterator[list[float]]:
    """Those of *came* that came one after the other while some were held back; both lists are in order."""
    span: list[float] = []
    for number, at in enumerate(came, start=1):
        span.append(at)
        if bisect_right(wanted, at - _HELD_BACK_S) <= number:
            yield span
            span = []
    if span:
        yield span


def most_within(came: list[float], length: float) -> int:
    """The most of *came*, which is in order, in any window of this *length*."""
    return max((bisect_left(came, start + length) - number for number, start in enumerate(came)), default=0)


def least_within(came: list[float], length: float) -> int | None:
    """The fewest of *came*, which is in order, in a window of this *length* between the first and the last."""
    # A window is emptiest that begins just behind one that came.
    whole = (start for start in came if start + length <= came[-1])
    return min((bisect_right(came, start + length) - bisect_right(came, start) for start in whole), default=None)
