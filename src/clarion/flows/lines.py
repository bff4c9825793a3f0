"""Bulkheads between servers that users name, of which some always hang: what one process has on its way to each.

A server gets one request at a time until it has answered one, and four from then on. One of which all places are taken
by requests that have no answer for `HANGS_S` hangs: nobody waits for a place there. What goes to a slow one is bounded
by what it gets done in a few seconds. So whoever hangs holds what it has, and nothing that another could use.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from clarion import clock

#: A request without an answer for so long hangs.
HANGS_S: Final = 2.0
#: Requests on their way at once to a server that answers.
PLACES: Final = 4
#: So many may be here for one that has not answered yet, the one on its way included.
_UNKNOWN: Final = 5
#: … and to all such servers together so many are on their way: each holds a socket.
_UNKNOWN_OUT: Final = 500
#: For a slow one there may be here what it gets done in so long.
_AHEAD_S: Final = 5.0
#: One that does so many a second is quick: a list for it is over before it holds up anybody.
_QUICK: Final = 40.0
#: After fewer answers it is not known how quick one is; so many may be here for it then.
_SURE: Final = 20
_UNSURE: Final = 100
#: How much the last request counts in the usual time of an answer: where it was quicker, and where it was slower, which
#: may be because this process has much to do.
_QUICKER: Final = 0.3
_SLOWER: Final = 0.03
#: Servers of which something is known; of more, those that were not used for longest are forgotten.
_MOST: Final = 10_000


@dataclass(slots=True, eq=False)
class _Line:
    """What one process knows of one server."""

    #: How long an answer usually takes, in seconds; None: there was none since it hung, or none yet.
    usual_s: float | None = None
    #: How many answers that is known from.
    heard: int = 0
    #: When (monotonic) each request on its way began.
    out: dict[object, float] = field(default_factory=dict)
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)
    #: Places that were given to some who waited and have not begun yet.
    given: int = 0
    #: Whether it was told already that it hangs.
    told: bool = False

    @property
    def places(self) -> int:
        return 1 if self.usual_s is None else PLACES

    @property
    def per_second(self) -> float:
        """What it gets done."""
        return 0.0 if self.usual_s is None else PLACES / max(self.usual_s, 1e-3)

    @property
    def here(self) -> int:
        return len(self.out) + len(self.waiting) + self.given

    @property
    def free(self) -> int:
        return self.places - len(self.out) - self.given

    def hangs(self, now: float) -> bool:
        return len(self.out) >= self.places and all(now - began >= HANGS_S for began in self.out.values())


class Lines:
    """The servers of one channel, by whatever tells them apart."""

    def __init__(self) -> None:
        self._lines: OrderedDict[Hashable, _Line] = OrderedDict()
        self._unknown_out = 0

    def room(self, place: Hashable) -> int | None:
        """How many more may come to *place* now; None: any number."""
        line, now = self._lines.get(place), clock.monotonic()
        if line is None or line.usual_s is None:
            if self._unknown_out >= _UNKNOWN_OUT or (line is not None and line.hangs(now)):
                return 0
            return _UNKNOWN - (line.here if line is not None else 0)
        if line.hangs(now):
            return 0
        if line.heard < _SURE:
            return max(0, _UNSURE - line.here)
        if line.per_second >= _QUICK:
            return None
        return max(0, max(2 * PLACES, int(_AHEAD_S * line.per_second)) - line.here)

    def wait(self, place: Hashable) -> timedelta:
        """After how long to look again whether there is room at *place*: the longer one has waited there already."""
        line, now = self._lines.get(place), clock.monotonic()
        oldest = max((now - began for began in line.out.values()), default=0.0) if line is not None else 0.0
        return timedelta(seconds=min(max(0.1, 2 * oldest), _AHEAD_S))

    def hangs(self, place: Hashable) -> bool:
        """Whether nothing that comes to *place* would be answered soon."""
        line = self._lines.get(place)
        return line is not None and line.hangs(clock.monotonic())

    def is_quick(self, place: Hashable) -> bool:
        """Whether what is here for *place* is done soon."""
        line, now = self._lines.get(place), clock.monotonic()
        if line is None or line.usual_s is None:
            return False
        return (line.heard < _SURE or line.per_second >= _QUICK) and all(now - at < 1 for at in line.out.values())

    def pace(self, place: Hashable) -> float | None:
        """How many a second *place* gets done; None where that is not known, or is so much that it needs no bounds.

        A quick one may be full for a moment: until it was known how quick it is.
        """
        line = self._lines.get(place)
        if line is None or line.usual_s is None or line.heard < _SURE or line.per_second >= _QUICK:
            return None
        return line.per_second

    def tell(self, place: Hashable) -> bool:
        """Whether it is news that *place* hangs: once, until it has answered."""
        line = self._lines.get(place)
        if line is None or line.told or not line.hangs(clock.monotonic()):
            return False
        line.told = True
        return True

    @asynccontextmanager
    async def enter(self, place: Hashable) -> AsyncIterator[bool]:
        """A place at *place*, as soon as one is free; False: it hangs, and there is none."""
        line = self._line(place)
        if not await self._entered(line):
            yield False
            return
        one, unknown = object(), line.usual_s is None
        line.out[one] = clock.monotonic()
        self._unknown_out += unknown
        try:
            yield True
        finally:
            del line.out[one]
            self._unknown_out -= unknown
            self._let_in(line)

    def answered(self, place: Hashable, took_s: float) -> bool:
        """*place* has answered after *took_s*; whether it was told to hang."""
        line = self._line(place)
        usual = took_s if line.usual_s is None else line.usual_s
        line.heard += 1
        line.usual_s = usual + (took_s - usual) * (_QUICKER if took_s < usual else _SLOWER)
        was, line.told = line.told, False
        self._let_in(line)
        return was

    def silent(self, place: Hashable) -> None:
        """*place* did not answer, for long: it gets one request at a time again."""
        line = self._line(place)
        line.usual_s, line.heard = None, 0

    async def _entered(self, line: _Line) -> bool:
        while line.waiting or line.free <= 0:
            now = clock.monotonic()
            if line.hangs(now):
                return False
            turn = asyncio.get_running_loop().create_future()
            line.waiting.append(turn)
            try:
                oldest = min(line.out.values(), default=now)
                async with asyncio.timeout(max(oldest + HANGS_S - now, 0.05)):
                    await turn
                return True
            except TimeoutError:
                # Where the place became free just now, all who ran out of patience at once were passed over.
                if (turn.done() and not turn.cancelled()) or line.free > 0:
                    return True
            finally:
                if turn.done() and not turn.cancelled():
                    line.given -= 1
                else:
                    line.waiting.remove(turn)
        return True

    def _let_in(self, line: _Line) -> None:
        """Those that wait have the places that are free."""
        while line.free > 0 and (turn := next((one for one in line.waiting if not one.done()), None)) is not None:
            line.waiting.remove(turn)
            line.given += 1
            turn.set_result(None)

    def _line(self, place: Hashable) -> _Line:
        line = self._lines.get(place)
        if line is None:
            line = self._lines[place] = _Line()
        self._lines.move_to_end(place)
        if len(self._lines) > _MOST:
            oldest, unused = next(iter(self._lines.items()))
            if not unused.here:
                del self._lines[oldest]
        return line
