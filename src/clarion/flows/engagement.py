"""Opens and clicks as they come: kept in memory for a moment, then written down together.

A mail to a hundred thousand people is opened by many of them at once, and each picture is asked for several times. So a
request costs no statement: what came within a second is one. A process that is killed loses that second, which is no
loss of a message.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog

from clarion.domain.engagement import Kind
from clarion.store import engagement
from clarion.store.database import Pool
from clarion.store.engagement import Done

log = structlog.get_logger()

#: How long what came is collected, and how much of it is kept at most, also while the database is away.
COLLECTED: Final = timedelta(seconds=1)
_MOST: Final = 20_000
#: So much of it is written at once.
_TOGETHER: Final = 2_000


class Engagement:
    """Collects what is done with messages and writes it down."""

    def __init__(self, pool: Pool, *, soon: timedelta) -> None:
        """*soon* as `clarion.store.engagement.note` takes it."""
        self._pool = pool
        self._soon = soon
        self._done: dict[tuple[UUID, UUID, Kind, bool], Done] = {}
        self._writing = False
        self._dropped = 0

    def add(self, tenant_id: UUID, message_id: UUID, kind: Kind, *, machine: bool, at: datetime) -> bool:
        """Note that somebody, or a *machine*, did that. True when the caller is to call `write` after a moment."""
        key = (tenant_id, message_id, kind, machine)
        known = self._done.get(key)
        if known is not None:
            self._done[key] = replace(
                known, first_at=min(known.first_at, at), last_at=max(known.last_at, at), hits=known.hits + 1
            )
        elif len(self._done) >= _MOST:
            self._dropped += 1
        else:
            self._done[key] = Done(
                message_id=message_id,
                tenant_id=tenant_id,
                kind=kind.value,
                machine=machine,
                first_at=at,
                last_at=at,
                hits=1,
            )
        if self._writing:
            return False
        self._writing = True
        return True

    async def write(self, wait: Callable[[], Awaitable[object]]) -> None:
        """Once *wait* is over, write down all that was noted. Whoever was told to calls this; it raises nothing that a
        database raises: then it is tried again with what comes next."""
        try:
            await wait()
        finally:
            self._writing = False
        done, self._done = list(self._done.values()), {}
        if self._dropped:
            log.warning("engagement.dropped", hits=self._dropped)
            self._dropped = 0
        for start in range(0, len(done), _TOGETHER):
            some = done[start : start + _TOGETHER]
            try:
                async with self._pool.acquire(timeout=5) as connection:
                    await engagement.note(connection, some, self._soon)
            except Exception as error:
                log.warning("engagement.not_kept", error=repr(error), kinds=len(done) - start)
                self._put_back(done[start:])
                return

    def _put_back(self, done: list[Done]) -> None:
        for one in done:
            key = (one.tenant_id, one.message_id, Kind(one.kind), one.machine)
            known = self._done.get(key)
            if known is not None:
                one = replace(
                    one,
                    first_at=min(known.first_at, one.first_at),
                    last_at=max(known.last_at, one.last_at),
                    hits=known.hits + one.hits,
                )
            elif len(self._done) >= _MOST:
                self._dropped += one.hits
                continue
            self._done[key] = one
