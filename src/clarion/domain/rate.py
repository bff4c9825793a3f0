"""How often something may happen, as people write it (``20/s``, ``100/m``, ``5000/h``), and keeping to times given."""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from clarion.errors import Invalid

#: The slowest rate is one a day, the fastest more than anything here can do.
SLOWEST = 1 / 86_400
FASTEST = 1_000_000.0
MOST_BURST = 1_000_000

#: At most this part of a rate is kept for what is urgent: the rest must go on.
MOST_RESERVE = 0.9

_TEXT = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?) ?/ ?([a-z]{1,6})(?: burst ([0-9]{1,7}))?(?: reserve ([0-9]{1,3})%)?")
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_NAMES = {"s": "s", "sec": "s", "second": "s", "m": "m", "min": "m", "minute": "m", "h": "h", "hour": "h"}
_NAMES |= {"d": "d", "day": "d"}
_HOW = "write for example 20/s, 5000/h, 20/s burst 5, or 20/s reserve 10%"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """So many a second on average, evenly; after a rest at most *burst* at once.

    The part *reserve* of it, 0 to `MOST_RESERVE`, is kept for what is critical or high.
    """

    per_second: float
    burst: int = 1
    reserve: float = 0.0

    def within(self, seconds: float) -> int:
        """How many at most begin in a time of this length, its first moment included."""
        return self.burst + math.ceil(self.per_second * seconds)

    def __str__(self) -> str:
        kept = f" reserve {self.reserve:.0%}" if self.reserve else ""
        return show_rate(self.per_second) + (f" burst {self.burst}" if self.burst > 1 else "") + kept


def parse_rate(text: str) -> Rate:
    """The rate that *text* names: ``20/s``, ``100/m``, ``5000/h``, ``200/d``, also with ``burst 5``, ``reserve 10%``.

    Raises `Invalid` (code ``invalid_rate``) when it is no rate, or slower than one a day, or faster than a million a
    second.
    """
    match = _TEXT.fullmatch(text.strip()) if len(text) <= 48 else None
    unit = _NAMES.get(match[2]) if match else None
    if match is None or unit is None:
        why = f"did you mean {text.strip()}/s?" if re.fullmatch(r"[0-9]{1,9}(\.[0-9]+)?", text.strip()) else _HOW
        raise Invalid(f"{text[:32]!r} is not a rate: {why}", code="invalid_rate")
    rate = Rate(per_second=float(match[1]) / _UNITS[unit], burst=int(match[3] or 1), reserve=int(match[4] or 0) / 100)
    if not SLOWEST <= rate.per_second <= FASTEST:
        raise Invalid(f"{text[:32]!r} is out of range: from 1/d to 1000000/s", code="invalid_rate")
    if not 1 <= rate.burst <= MOST_BURST:
        raise Invalid(f"a burst is from 1 to {MOST_BURST}, not {rate.burst}", code="invalid_rate")
    if match[4] is not None and not 0.01 <= rate.reserve <= MOST_RESERVE:
        raise Invalid(f"a reserve is from 1% to {MOST_RESERVE:.0%}, not {match[4]}%", code="invalid_rate")
    return rate


def show_rate(per_second: float) -> str:
    """*per_second* as `parse_rate` reads it, in the unit in which it is shortest: ``20/s``, ``100/m``, ``5000/h``."""
    numbers = [(per_second * seconds, unit) for unit, seconds in _UNITS.items()]
    shown = [(f"{number:.0f}" if number >= 100_000 else f"{number:.6g}", unit) for number, unit in numbers]
    number, unit = min(shown, key=lambda one: ("e" in one[0], len(one[0])))
    return f"{number}/{unit}"


def together(rates: Sequence[Rate | None]) -> Rate | None:
    """What several have between them; None where one of them has no bound, or there are none."""
    bounded = [rate for rate in rates if rate is not None]
    if not rates or len(bounded) < len(rates):
        return None
    per_second, burst = sum(rate.per_second for rate in bounded), sum(rate.burst for rate in bounded)
    return Rate(per_second=per_second, burst=burst, reserve=min(rate.reserve for rate in bounded))


class Permits:
    """Times at which one may act, in rising order, each once. One that was missed by far is lost.

    To use it late would put it on top of those after it: somebody who was held up may not make up for it.
    """

    def __init__(self, tolerance: float) -> None:
        """*tolerance*: how late, in seconds, one may still be used."""
        self._tolerance = tolerance
        self._times: deque[float] = deque()

    def __len__(self) -> int:
        return len(self._times)

    def add(self, times: Iterable[float]) -> None:
        """More of them."""
        self._times.extend(times)
        if any(later < earlier for earlier, later in pairwise(self._times)):
            self._times = deque(sorted(self._times))

    @property
    def next(self) -> float:
        """When the next one may be used; infinite when there is none."""
        return self._times[0] if self._times else math.inf

    def due(self, now: float, most: int) -> int:
        """How many may be used now, at most *most*: these are used up, and those that were missed are gone."""
        while self._times and self._times[0] < now - self._tolerance:
            self._times.popleft()
        count = 0
        while count < most and self._times and self._times[0] <= now:
            self._times.popleft()
            count += 1
        return count
