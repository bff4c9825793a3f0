"""A ledger with an end: of what a fake has taken, the newest are kept."""

from __future__ import annotations

from collections import deque
from dataclasses import fields
from typing import Any, TypeVar

T = TypeVar("T")

#: What one ledger holds, unless told otherwise.
MOST, MOST_OCTETS = 10_000, 32 * 1024 * 1024


class Kept(list[T]):
    """Up to *most* messages (dataclasses), and *octets* of what they say: the oldest go first. `append` to it only."""

    def __init__(self, most: int = MOST, octets: int = MOST_OCTETS) -> None:
        super().__init__()
        self.most = most
        self.most_octets = octets
        #: How many had to go.
        self.gone = 0
        self._sizes: deque[int] = deque()
        self._octets = 0

    def append(self, one: T) -> None:
        """Keep *one*, and let go of the oldest for it; the newest stays, however large it is."""
        super().append(one)
        self._sizes.append(_octets_of(one))
        self._octets += self._sizes[-1]
        over = 0
        while len(self._sizes) > self.most or (self._octets > self.most_octets and len(self._sizes) > 1):
            self._octets -= self._sizes.popleft()
            over += 1
        del self[:over]
        self.gone += over

    def clear(self) -> None:
        super().clear()
        self._sizes.clear()
        self._octets = self.gone = 0


def ledger(keep: int | None) -> list[Any]:
    """An empty ledger: of the newest *keep*, or of all."""
    return [] if keep is None else Kept(keep)


def _octets_of(one: Any) -> int:
    return sum(len(str(getattr(one, field.name))) for field in fields(one))
