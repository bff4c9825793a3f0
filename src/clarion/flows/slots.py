"""Who writes which row of counts: one slot for each that may write at the same time."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

_HIGHEST = 32_000


class Slots:
    """Numbers lent to concurrent writers, so that no two of one process share a row of counts.

    Two processes may draw the same number: they then wait for each other now and then, and nothing worse.
    """

    def __init__(self) -> None:
        self._first = random.randrange(_HIGHEST - 1000)  # noqa: S311 - spreads load, keeps no secret
        self._free: list[int] = []
        self._lent = 0

    @contextmanager
    def lend(self) -> Iterator[int]:
        """A slot that nobody else of this process has until the block ends."""
        if self._free:
            slot = self._free.pop()
        else:
            slot = self._first + self._lent
            self._lent += 1
        try:
            yield slot
        finally:
            self._free.append(slot)
