"""Which limits there are, as one process knows it: looked up every second, so that who has none never asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import structlog

from clarion.domain.rate import Rate
from clarion.queue import limits
from clarion.queue.job import Pool
from clarion.queue.limits import Pace

log = structlog.get_logger()

Told = Callable[[frozenset[str]], None]


class Rates:
    """The limits that are set now, of those that were asked for when this was made."""

    def __init__(
        self,
        pool: Pool,
        names: Iterable[str],
        *,
        kinds: Sequence[str] = (),
        apart: Sequence[str] = (),
        told: Told | None = None,
    ) -> None:
        """*names* of the limits of queues and providers; *told* hears of those that begin with one of *kinds*, or
        of those *apart*, which are for one queue alone."""
        self._pool = pool
        self._names = sorted(set(names))
        self._kinds = kinds
        self._apart = apart
        self._told = told
        self._known: dict[str, Pace] = {}
        #: Whether there is any limit that jobs are marked with.
        self.marks = False
        #: … and whether there is any of those apart.
        self.apart = False

    def any_of(self, names: Sequence[str]) -> bool:
        """Whether one of *names* is limited."""
        return bool(self._known) and any(name in self._known for name in names)

    def slowest(self, names: Sequence[str]) -> Rate | None:
        """The slowest of the limits *names*; None when there is none."""
        known = [self._known[name] for name in names if name in self._known]
        slowest = min(known, key=lambda pace: pace.per_second, default=None)
        return None if slowest is None else Rate(per_second=slowest.per_second, burst=slowest.burst)

    async def run_once(self) -> int:
        """Look them up; how many there are."""
        async with self._pool.acquire() as connection:
            known = await limits.known(connection, self._names, self._kinds, self._apart)
        if known.paces != self._known:
            log.info("rate.changed", rates={pace.name: pace.per_second for pace in known.paces.values()})
        self._known, self.marks, self.apart = known.paces, known.marks, known.apart
        if self._told is not None:
            self._told(known.named)
        return len(self._known)
