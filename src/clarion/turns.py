"""Giving way: long work is done piece by piece, and all of it together has so much of each turn of the event loop.

It is one share because a lone message waits, at every step of its way, for all lists and connections of a busy worker,
one after the other. While a short one is on its way no piece is begun at all, for a part of the time that is bounded: a
steady trickle of them must not make the crowd stand still.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from clarion import clock

#: So much of a turn may go to long work. What came in meanwhile waits for it, several times on its way.
_SHARE_S = 0.0005
#: The part of the time for which long work may be held up, and the longest that it is at once.
_HELD_UP, _LONGEST_S = 0.2, 0.03


class Turns:
    """Shared by everything in a process that works through lists."""

    def __init__(self, share_s: float = _SHARE_S, *, held_up: float = _HELD_UP, longest_s: float = _LONGEST_S) -> None:
        self._share_s = share_s
        self._held_up = held_up
        self._longest_s = longest_s
        #: When the first piece of this turn began; None while there was none.
        self._began: float | None = None
        #: How much short work is on its way, since when, and for how long long work may still be held up for it.
        self._short = 0
        self._since = 0.0
        self._left_s, self._counted_at = longest_s, float("-inf")
        self._free = asyncio.Event()
        self._free.set()
        self._timer: asyncio.TimerHandle | None = None

    async def take(self) -> None:
        """To be awaited by long work before each piece: returns at once while its share of this turn is not used up."""
        if not self._free.is_set():
            await self._free.wait()
        while self._began is not None and clock.monotonic() - self._began >= self._share_s:  # noqa: ASYNC110
            await asyncio.sleep(0)
        if self._began is None:
            self._began = clock.monotonic()
            asyncio.get_running_loop().call_soon(self._begin)

    @contextmanager
    def first(self, short: bool) -> Iterator[None]:
        """For *short* work: until the block ends, as far as the bounds go, no piece of long work is begun.

        It must not take turns itself.
        """
        if not short:
            yield
            return
        self._short += 1
        if self._short == 1:
            self._hold()
        try:
            yield
        finally:
            self._short -= 1
            if not self._short:
                self._let_go()

    def _begin(self) -> None:
        self._began = None

    def _hold(self) -> None:
        now = self._since = clock.monotonic()
        self._left_s = min(self._longest_s, self._left_s + self._held_up * (now - self._counted_at))
        self._counted_at = now
        if self._left_s > self._longest_s / 10:
            self._free.clear()
            self._timer = asyncio.get_running_loop().call_later(self._left_s, self._free.set)

    def _let_go(self) -> None:
        if self._timer is None:
            return
        self._timer.cancel()
        self._timer = None
        self._free.set()
        now = clock.monotonic()
        self._left_s = max(0.0, self._left_s - (now - self._since))
        self._counted_at = now
