"""Completing triggers: when nothing of one waits or is open any more, its counts are folded and it is done."""

from __future__ import annotations

from uuid import UUID

import structlog

from clarion import ids
from clarion.flows.hearing import Hearing
from clarion.store import runs, triggers
from clarion.store.database import Connection, Pool

log = structlog.get_logger()

_FROM_THE_START = UUID(int=0)


class Finish:
    """A duty: looks at the running triggers, a page at a time."""

    def __init__(self, pool: Pool, *, page: int = 500, hearing: Hearing | None = None) -> None:
        self._pool = pool
        self._hearing = hearing
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
                last, done = await self._complete(connection, after)
                completed += len(done)
                for id in done:
                    log.info("trigger.completed", trigger=ids.show(ids.Prefix.TRIGGER, id))
                if last is None:
                    return completed
                after = last

    async def _complete(self, connection: Connection, after: UUID) -> tuple[UUID | None, list[UUID]]:
        """One page. A statement alone where nobody listens: nothing has to be written with it then."""
        hearing = self._hearing
        if hearing is None or not hearing.anybody:
            return await triggers.complete(connection, after, self._page)
        async with connection.transaction():
            last, done = await triggers.complete(connection, after, self._page)
            await hearing.triggers(connection, done)
        hearing.ring()
        return last, done
