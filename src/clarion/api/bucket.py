"""How much somebody may still do: token buckets, each kept as one number.

The number is the moment at which the bucket will be full again (the generic cell rate algorithm of ITU-T I.371). So
there is nothing to refill, and a bucket that is full need not be kept at all. Pure: times come in, in seconds of a
clock that never jumps.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)

#: A wait that rounding has made nothing of is still a wait.
_AN_INSTANT_S: Final = 1e-9


class Bucket:
    """Holds *burst* tokens; *per_s* come back each second."""

    def __init__(self, *, per_s: float, burst: int) -> None:
        self.per_s = per_s
        self.burst = burst
        self._each_s = 1 / per_s
        # A hundredth of a token more: thousands of additions of small to large numbers must not cost a whole one.
        self._all_s = (burst + 0.01) * self._each_s

    def take(self, full_at: float, now: float) -> float | None:
        """When the bucket will be full again with one token less; None when there is none to take."""
        taken = (full_at if full_at > now else now) + self._each_s
        return taken if taken - now <= self._all_s else None

    def wait_s(self, full_at: float, now: float) -> float:
        """How long until there is a token to take; 0.0 when there is one."""
        return max(0.0, full_at + self._each_s - self._all_s - now)


class Buckets(Generic[K]):
    """A bucket like *bucket* for each of many; at most *most* are kept, and none that is full for long."""

    def __init__(self, bucket: Bucket, *, most: int) -> None:
        self.bucket = bucket
        self._most = most
        #: Those that are not full, or were not when last looked at.
        self._full_at: OrderedDict[K, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, who: K, now: float) -> float:
        """0.0 when a token was taken from the bucket of *who*; else how many seconds until there will be one."""
        full_at = self._full_at.get(who)
        if full_at is None:
            self._make_room(now)
            full_at = now
        taken = self.bucket.take(full_at, now)
        if taken is None:
            return max(self.bucket.wait_s(full_at, now), _AN_INSTANT_S)
        self._full_at[who] = taken
        return 0.0

    def wait_s(self, who: K, now: float) -> float:
        """How many seconds until there is a token for *who*; nothing is taken."""
        full_at = self._full_at.get(who)
        return 0.0 if full_at is None else self.bucket.wait_s(full_at, now)

    def _make_room(self, now: float) -> None:
        """Look at two for each that comes: those that are full go, so that what is kept follows what is used."""
        for _ in range(min(2, len(self._full_at))):
            who, full_at = self._full_at.popitem(last=False)
            if full_at > now:
                self._full_at[who] = full_at  # at the end now
        while len(self._full_at) >= self._most:
            self._full_at.popitem(last=False)


class Crowd(Generic[K]):
    """How many things each has at once, at most *most* (0: any number). Who has none is not kept."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._present: dict[K, int] = {}

    def __len__(self) -> int:
        return len(self._present)

    def enter(self, who: K) -> bool:
        """Whether *who* may have one more; then it has, until `leave`."""
        present = self._present.get(who, 0)
        if present >= self.most > 0:
            return False
        self._present[who] = present + 1
        return True

    def leave(self, who: K) -> None:
        """One less; only after an `enter` that was granted."""
        present = self._present[who] - 1
        if present:
            self._present[who] = present
        else:
            del self._present[who]
