"""How fast this machine is now: bounds on processor time are set on a usual one, and grow with how slow this one is."""

from __future__ import annotations

import time

#: What `_work` takes of a processor on the machine that the bounds were set on.
_USUAL_S = 0.012


def usual(seconds: float) -> float:
    """The seconds of processor time that may pass here for *seconds* on a usual machine; never fewer than those."""
    return seconds * max(1.0, min(_work() for _ in range(3)) / _USUAL_S)


def _work() -> float:
    """Seconds of processor time for a piece of plain Python of always the same size."""
    began = time.process_time()
    text, numbers = [], {}
    for number in range(100_000):
        text.append(str(number))
        numbers[number & 1023] = number
    "".join(text)
    return time.process_time() - began
