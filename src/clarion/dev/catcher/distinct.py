"""How many different values there were, exactly, in about ten bytes each."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from hashlib import blake2b

_SHARDS = 64


class Distinct:
    """Counts different byte strings by 64-bit hashes of them.

    A set of Python integers takes some eighty bytes a value. Here nearly all lie in sorted arrays of eight bytes each,
    and only the latest in small sets that are merged into them now and then. Two different values among n share a
    hash with a chance of n² / 2⁶⁵: three in a hundred million for a million values.
    """

    def __init__(self) -> None:
        self._sorted = [array("Q") for _ in range(_SHARDS)]
        self._recent: list[set[int]] = [set() for _ in range(_SHARDS)]
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, value: bytes) -> None:
        """Count *value* if it is new."""
        hashed = int.from_bytes(blake2b(value, digest_size=8).digest(), "little")
        shard = hashed % _SHARDS
        recent = self._recent[shard]
        if hashed in recent:
            return
        known = self._sorted[shard]
        place = bisect_left(known, hashed)
        if place < len(known) and known[place] == hashed:
            return
        recent.add(hashed)
        self._count += 1
        if len(recent) > 128 + len(known) // 8:
            known.extend(recent)
            self._sorted[shard] = array("Q", sorted(known))
            recent.clear()
