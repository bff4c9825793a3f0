"""Giving way: long work is done piece by piece, and all of it together has so much of each turn of the event loop.

It is one share because a lone message waits, at every step of its way, for all lists and connections of a busy worker,
one after the other.
"""

from __future__ import annotations

import asyncio

from clarion import clock

#: So much of a turn may go to long work. What came in meanwhile waits for it, several times on its way.
_SHARE_S = 0.0005


class Turns:
    """Shared by everything in a process that works through long lists."""

    def __init__(self, share_s: float = _SHARE_S) -> None:
        self._share_s = share_s
        #: When the first piece of this turn began; None while there was none.
        self._began: float | None = None

    async def take(self) -> None:
        """To be awaited before each piece: returns at once while there is something left of this turn's share."""
        while self._began is not None and clock.monotonic() - self._began >= self._share_s:  # noqa: ASYNC110
            await asyncio.sleep(0)
        if self._began is None:
            self._began = clock.monotonic()
            asyncio.get_running_loop().call_soon(self._begin)

    def _begin(self) -> None:
        self._began = None
