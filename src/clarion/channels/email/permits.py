"""Who may use a connection next: so many at a time, short calls before long ones, and neither for ever.

Of many, long calls leave one free: a lone mail need not wait until one of a crowd has been taken.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

#: After so many short calls in a row a long one has its turn.
_SHORT_IN_A_ROW = 4
#: Of so many, one is kept for short calls; of fewer it would cost long ones too much.
_MANY = 4


class Permits:
    """So many holders at once. Like a semaphore, but with two lines to wait in."""

    def __init__(self, count: int) -> None:
        self._free = count
        #: So many long calls leave free.
        self._kept = 1 if count >= _MANY else 0
        self._short: deque[asyncio.Future[None]] = deque()
        self._long: deque[asyncio.Future[None]] = deque()
        #: How many short calls were let in since the last long one that waited meanwhile.
        self._in_a_row = 0

    @property
    def wanted(self) -> bool:
        """Whether anybody waits."""
        return bool(self._short or self._long)

    @property
    def wanted_shortly(self) -> bool:
        """Whether a short call is the next to be let in."""
        return bool(self._short) and not (self._long and self._in_a_row >= _SHORT_IN_A_ROW)

    @asynccontextmanager
    async def hold(self, *, short: bool) -> AsyncIterator[None]:
        """One permit; waits for its turn, a *short* call in the line that goes first."""
        await self._acquire(short=short)
        try:
            yield
        finally:
            self._release()

    async def _acquire(self, *, short: bool) -> None:
        line = self._short if short else self._long
        if not line and self._free > (0 if short else self._kept):
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        line.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn in line:
                line.remove(turn)
            elif not turn.cancelled():  # it was let in at the same moment
                self._release()
            raise

    def _release(self) -> None:
        """Let the next one in; a permit goes from hand to hand while anybody waits."""
        while self._short or (self._long and self._free >= self._kept):
            shortly = self.wanted_shortly
            self._in_a_row = self._in_a_row + 1 if shortly and self._long else 0
            turn = (self._short if shortly else self._long).popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
