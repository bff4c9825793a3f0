"""HTTP/2 going out: the promises of `clarion.http.client`, over one connection with many requests on it at once."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from datetime import timedelta

from clarion import clock
from clarion.http.client import Client, Patience
from clarion.http.http2_connection import Connection, Gone
from clarion.http.progress import Progress
from clarion.http.url_guard import Destination

#: One that was not used for so long may be dead without anybody having said so.
_IDLE = timedelta(minutes=10)


class Http2Client(Client):
    """Speaks HTTP/2 to one server of an operator's, by prior knowledge: without TLS too, to one on this machine."""

    def __init__(
        self, *, connections: int = 50, patience: Patience | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        """*connections* are how many requests are on their way at once; the server may want fewer."""
        super().__init__(connections=connections, patience=patience)
        self._context = tls
        self._dialing = asyncio.Lock()
        self._connection: Connection | None = None
        #: On the monotonic clock.
        self._used_at = 0.0
        self._last_silence: Exception | None = None

    async def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        await super().close()

    def _count_silence(self, error: Exception) -> None:
        """A connection that is cut is one that is silent, however many requests were on it."""
        if error is not self._last_silence:
            super()._count_silence(error)
        self._last_silence = error

    async def _exchange(
        self, method: str, to: Destination, body: bytes | None, headers: Mapping[str, str], progress: Progress
    ) -> None:
        path = to.path + (f"?{to.query}" if to.query else "")
        for again in (True, False):  # one that goes away meanwhile is no failure; a server that always does is
            connection = await self._connected(to)
            try:
                await connection.ask(method, path, headers, body, progress)
                return
            except Gone:
                if progress.sent or not again:
                    raise
            except asyncio.CancelledError:
                if progress.sent and progress.status is None:  # it may be dead
                    connection.retire("a request got no answer")
                raise

    async def _connected(self, to: Destination) -> Connection:
        """The connection, or a new one where the last one is of no use any more."""
        async with self._dialing:
            now, known = clock.monotonic(), self._connection
            if known is not None and now - self._used_at > _IDLE.total_seconds():
                known.retire("it was not used for long")
            if known is None or not known.takes_more:
                known = self._connection = await self._dial(to)
            self._used_at = now
            return known

    async def _dial(self, to: Destination) -> Connection:
        async with asyncio.timeout(self._patience.connect.total_seconds()):
            _, connection = await asyncio.get_running_loop().create_connection(
                Connection,
                to.host,
                to.port,
                ssl=self._tls_for(to),
                server_hostname=to.host if self._tls_for(to) else None,
            )
            try:
                await connection.greeted()
            except BaseException:
                connection.close()
                raise
        return connection

    def _tls_for(self, to: Destination) -> ssl.SSLContext | None:
        if to.scheme != "https":
            return None
        if self._context is None:
            self._context = ssl.create_default_context()
        self._context.set_alpn_protocols(["h2"])
        return self._context
