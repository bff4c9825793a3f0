"""Completing triggers: when nothing of one waits or is open any more, its counts are folded and it is done."""

from __future__ import annotations

from uuid import UUID

import structlog

from clarion import ids
from clarion.store import runs, triggers
from clarion.store.database import Pool

log = structlog.get_logger()

_FROM_THE_START = UUID(int=0)


class Finish:
    """A duty: looks at the running triggers, a page at a time."""

    def __init__(self, pool: Pool, *, page: int = 500) -> None:
        self._pool = pool
        self._page = page
        self._waiting_after = _FROM_THE_START

    async def run_once(self) -> int:
        """Complete what can be completed now; how many triggers that were."""
        after, completed = _FROM_THE_START, 0
        async with self._pool.acquire() as connection:
            # Whoever moves the last run says so; if it died before it could, this is who notices. A page a round: those
            # that wait are many, and stay for long.
            self._waiting_after = await runs.unmark(connection, self._waiting_after, self._page) or _FROM_THE_START
            while True:
                last, done = await triggers.complete(connection, after, self._page)
                completed += len(done)
                for id in done:
                    log.info("trigger.completed", trigger=ids.show(ids.Prefix.TRIGGER, id))
                if last is None:
                    return completed
                after = last
