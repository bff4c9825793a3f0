"""The connections to one server: so many at most, used again while they are fresh, closed when they are not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from clarion.channels.email.connection import Connection
from clarion.channels.email.permits import Permits
from clarion.channels.email.settings import SmtpSettings

#: How long `close` waits for goodbyes and for calls still running.
_GRACE_S = 2.0


class Pool:
    """At most ``settings.connections`` connections at a time, to who holds a permit."""

    def __init__(self, settings: SmtpSettings, open: Callable[[], Awaitable[Connection]]) -> None:
        """*open* gives a new connection that is ready for mail; what it raises, `lend` raises."""
        self._limit = settings.messages_per_connection
        self._idle_s = settings.timeouts.idle.total_seconds()
        self._open = open
        #: The right to one connection, to be held while one of `lend` is used.
        self.permits = Permits(settings.connections)
        #: The one used last at the end; with the time since when each is idle.
        self._idle: list[tuple[float, Connection]] = []
        self._live: set[Connection] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self.closed = False

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[Connection]:
        """A connection that waited here, or a new one. It comes back here unless it is broken or used up."""
        connection = self._waiting_one()
        if connection is None:
            connection = await self._open()
            self._live.add(connection)
            connection.closed.add_done_callback(lambda _: self._live.discard(connection))
        try:
            yield connection
        except BaseException:
            connection.abort("the call was given up")
            raise
        self._take_back(connection)

    async def close(self) -> None:
        """Say goodbye on all connections and wait until they are gone; what is in use after 2 s is cut off."""
        self.closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        for _, connection in self._idle:
            connection.quit()
        self._idle.clear()
        if live := [connection.closed for connection in self._live]:
            await asyncio.wait(live, timeout=_GRACE_S)
        if left := list(self._live):
            for connection in left:
                connection.abort("the provider was closed")
            await asyncio.wait([connection.closed for connection in left])

    def _waiting_one(self) -> Connection | None:
        while self._idle:
            _, connection = self._idle.pop()
            connection.idle = False
            if connection.broken is None:
                return connection
        return None

    def _take_back(self, connection: Connection) -> None:
        if self.closed or connection.used >= self._limit:
            connection.quit()
        elif connection.broken is None:
            loop = asyncio.get_running_loop()
            connection.idle = True
            self._idle.append((loop.time(), connection))
            if self._sweeper is None:
                self._sweeper = loop.call_later(self._idle_s, self._sweep)

    def _sweep(self) -> None:
        """Close what has been idle for long; come back when the next will have been."""
        loop = asyncio.get_running_loop()
        self._sweeper = None
        oldest = loop.time() - self._idle_s
        while self._idle and self._idle[0][0] <= oldest:
            self._idle.pop(0)[1].quit()
        if self._idle:
            self._sweeper = loop.call_at(self._idle[0][0] + self._idle_s, self._sweep)
