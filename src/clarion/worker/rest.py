"""How a consumer waits: until somebody rings, the next job is due, or it is time to look for oneself."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Collection
from datetime import timedelta

import structlog

from clarion import clock
from clarion.queue.due import next_due
from clarion.queue.job import Pool

log = structlog.get_logger()

#: So long nobody must have rung before it is asked when the next job is due.
_QUIET_S = 0.02
#: So much later one looks: who came too early would have come for nothing.
_MOMENT_S = 0.001


class Rest:
    """The waits of one consumer. All are for one event: each one more to wait for costs turns of a busy loop."""

    def __init__(self, pool: Pool, queue: str, *, poll: timedelta, called: asyncio.Event) -> None:
        self._pool = pool
        self._queue = queue
        self._poll = poll
        #: Set when there may be new jobs; whoever looks for some clears it before.
        self.called = called
        self._full = False

    def room(self) -> None:
        """There is room for more jobs: end `until_room`."""
        if self._full:
            self.called.set()

    async def until_room(self) -> None:
        """Wait until there is room; no longer than until called, or the poll."""
        self._full = True
        try:
            await self._wait()
        finally:
            self._full = False

    async def until_due(self, since: float, also: Collection[int] = ()) -> None:
        """Wait until the next job is due by the database's clock; no longer than until called, or the poll.

        *since* is when the last look, which found nothing, began. The database is asked only when it has been quiet
        for a moment: under load, whoever rings brings the work with them. *also*: lanes of paced jobs.
        """
        if await self._wait(_QUIET_S):
            return
        remains = None
        try:
            async with self._pool.acquire() as connection:
                remains = await next_due(
                    connection, self._queue, timedelta(seconds=clock.monotonic() - since), also=also
                )
        except Exception as error:
            log.warning("worker.claim_failed", queue=self._queue, error=repr(error))
        await self._wait(math.inf if remains is None else max(remains.total_seconds() + _MOMENT_S, 0))

    async def _wait(self, at_most: float = math.inf) -> bool:
        """Whether the event was set before the poll was due; with jitter, so that workers do not poll in step."""
        seconds = min(self._poll.total_seconds() * random.uniform(0.75, 1.25), at_most)  # noqa: S311
        try:
            async with asyncio.timeout(seconds):
                await self.called.wait()
        except TimeoutError:
            return False
        return True
