"""HTTP going out: what everything that speaks it to others goes through.

A request is bounded in time and in what is read of its answer, follows no redirect, keeps no cookie, heeds no proxy of
the environment, unpacks nothing. Where no answer comes, it is known whether the request may have arrived: before it was
begun to be sent it is certain that it did not (`Retry`), afterwards nobody can know (`Uncertain`).
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import aiohttp
from yarl import URL

from clarion import __version__, clock
from clarion.domain.outcome import Reject, Retry, Uncertain
from clarion.errors import Invalid
from clarion.http.outcome import parse_retry_after
from clarion.http.progress import MOST_READ, Progress
from clarion.http.reply import Reply, printable
from clarion.http.url_guard import Destination, UrlGuard

#: After so many requests in a row without an answer, all wait so long: a dead server must not hold up what else there
#: is to do.
_MOST_SILENT = 5
_REST = timedelta(seconds=30)
_MOST_ADDRESSES = 4

#: What a request came to: an answer, or why there is none.
Answer = Reply | Retry | Reject | Uncertain
#: The headers of a request, or what makes them when its turn has come: some hold the time.
Headers = Mapping[str, str] | Callable[[], Mapping[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a request may take."""

    connect: timedelta = timedelta(seconds=5)  #: to an address, without TLS
    total: timedelta = timedelta(seconds=15)  #: from the look-up of the name to the end of the answer


class Client:
    """Speaks to one server, over connections that are kept: what hangs there, holds up nobody else."""

    def __init__(
        self,
        *,
        guard: UrlGuard | None = None,
        connections: int = 10,
        patience: Patience | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """*guard* says where requests to URLs that others have named may go. Without one, the URL is an operator's.

        *connections* are how many requests are on their way at once; *tls* is how servers are verified: by the system's
        authorities unless given. Connects to nothing yet.
        """
        self._guard = guard
        self._connections = connections
        self._patience = patience or Patience()
        self._tls: ssl.SSLContext | bool = tls or True
        self._session: aiohttp.ClientSession | None = None
        self._at_once = asyncio.Semaphore(connections)
        #: Requests in a row that got no answer, and when (monotonic) the last of them ended.
        self._silent, self._silent_at = 0, 0.0

    async def post(self, to: Destination, body: bytes, headers: Headers) -> Answer:
        """Post *body*, and wait for the answer. Never raises for what servers and networks do.

        `Reject` only where the guard refuses the destination.
        """
        return await self._request("POST", to, body, headers)

    async def get(self, to: Destination, headers: Headers) -> Answer:
        """The same without a body: what is only looked at."""
        return await self._request("GET", to, None, headers)

    async def put(self, to: Destination, body: bytes, headers: Headers) -> Answer:
        """The same as `post`, with PUT."""
        return await self._request("PUT", to, body, headers)

    async def _request(self, method: str, to: Destination, body: bytes | None, headers: Headers) -> Answer:
        progress = Progress()
        async with self._at_once:
            if self._silent >= _MOST_SILENT and clock.monotonic() < self._silent_at + _REST.total_seconds():
                why = f"not tried: the last {self._silent} requests got no answer, so it has a rest"
                return Retry(why, after=_REST, pause_provider=True)
            given = headers() if callable(headers) else headers
            try:
                async with asyncio.timeout(self._patience.total.total_seconds()):
                    await self._exchange(method, to, body, {**_OWN, "host": to.authority, **given}, progress)
            except Invalid as error:
                return Reject(error.message, code=error.code)
            except (OSError, aiohttp.ClientError, ValueError) as error:
                if progress.status is None:
                    self._count_silence(error)
                    return self._broken_off(error, progress)
        self._silent = 0
        assert progress.status is not None and progress.headers is not None
        return Reply(
            status=progress.status,
            headers=progress.headers,
            body=progress.body,
            retry_after=parse_retry_after(progress.headers.get("retry-after"), clock.now()),
        )

    async def close(self) -> None:
        """Close what is open. May be called more than once."""
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()

    def _count_silence(self, _: Exception) -> None:
        """One more request got no answer."""
        self._silent, self._silent_at = self._silent + 1, clock.monotonic()

    def _broken_off(self, error: Exception, progress: Progress) -> Retry | Uncertain:
        seconds = self._patience.total.total_seconds()
        why = f"no answer within {seconds:g} s" if isinstance(error, TimeoutError) else str(error)
        if isinstance(error, aiohttp.ClientResponseError):
            why = error.message  # without the URL, which may have a secret in it
        if isinstance(error, aiohttp.ClientConnectorError) and not isinstance(error, aiohttp.ClientSSLError):
            cause = error.os_error
            number = cause.errno or 0  # below 0: of the look-up of names, which has words of its own
            said = os.strerror(number) if number > 0 else cause.strerror
            why = f"no connection to {error.host}:{error.port}: {said or cause}"
        why = printable(why or type(error).__name__)
        return Uncertain(why) if progress.sent else Retry(why)

    async def _exchange(
        self, method: str, to: Destination, body: bytes | None, headers: Mapping[str, str], progress: Progress
    ) -> None:
        """Ask the first address that can be connected to, and read what it answers into *progress*."""
        hosts: Sequence[str] = [to.host]
        if self._guard is not None:
            hosts = (await self._guard.addresses(to))[:_MOST_ADDRESSES]
        for host in hosts:
            try:
                return await self._ask(method, host, to, body, headers, progress)
            except aiohttp.ClientConnectorError:
                if host == hosts[-1] or progress.sent:
                    raise
        return None

    async def _ask(
        self,
        method: str,
        host: str,
        to: Destination,
        body: bytes | None,
        headers: Mapping[str, str],
        progress: Progress,
    ) -> None:
        async with self._open().request(
            method,
            # Where there is a guard, *host* is the address that it has checked, with the name for TLS and for the
            # server: nothing is looked up again.
            URL.build(scheme=to.scheme, host=host, port=to.port, path=to.path, query_string=to.query, encoded=True),
            data=body,
            headers=headers,
            server_hostname=None if to.address is not None else to.host,
            allow_redirects=False,
            trace_request_ctx=progress,
        ) as response:
            progress.headers = {name.lower(): value for name, value in response.headers.items()}
            progress.status = response.status
            await _read(response, progress)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            tracing = aiohttp.TraceConfig()
            tracing.on_request_headers_sent.append(_note_sent)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._connections, ssl=self._tls),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._patience.connect.total_seconds()),
                auto_decompress=False,  # a small answer may unpack to a huge one
                trust_env=False,  # a proxy would look the name up again
                trace_configs=[tracing],
            )
        return self._session


_OWN = {"user-agent": f"Clarion/{__version__}", "accept": "*/*", "accept-encoding": "identity"}


async def _note_sent(_session: aiohttp.ClientSession, context: object, _params: object) -> None:
    progress = getattr(context, "trace_request_ctx", None)
    if isinstance(progress, Progress):
        progress.sent = True


async def _read(response: aiohttp.ClientResponse, progress: Progress) -> None:
    """Read the body as far as it is of use; leave a connection that would bring more."""
    while len(progress.body) < MOST_READ:
        chunk = await response.content.read(MOST_READ - len(progress.body))
        if not chunk:
            return
        progress.body += chunk
    response.close()
