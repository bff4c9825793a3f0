"""Files that are fetched from URLs which others have named: bounded in time and size, and only from the internet.

As all HTTP that goes out (`clarion.http.client`): no redirects, proxies, cookies or unpacking; connected to is an
address that the guard has checked, with the name for TLS and for the server.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple

import aiohttp
from yarl import URL

from clarion import __version__, clock
from clarion.domain.outcome import Reject, Retry
from clarion.errors import Invalid
from clarion.http.client import Patience
from clarion.http.outcome import parse_retry_after
from clarion.http.reply import printable
from clarion.http.url_guard import Destination, UrlGuard

_HEADERS = {"user-agent": f"Clarion/{__version__}", "accept": "*/*", "accept-encoding": "identity"}
_MOST_ADDRESSES = 4
_AT_ONCE = 4
_PIECE = 256 * 1024
_PATIENCE = Patience(total=timedelta(seconds=30))


class Download(NamedTuple):
    """What was fetched."""

    body: bytes
    #: As the server says it; None where it says nothing.
    type: str | None


class Downloads:
    """Fetches files, a few at a time."""

    def __init__(self, guard: UrlGuard, *, patience: Patience = _PATIENCE) -> None:
        """Connects to nothing yet."""
        self._guard = guard
        self._patience = patience
        self._at_once = asyncio.Semaphore(_AT_ONCE)
        self._session: aiohttp.ClientSession | None = None

    async def get(self, url: Destination, *, most: int) -> Download | Retry | Reject:
        """The file at *url*, of *most* octets or fewer; or why there is none. Never raises for what servers do.

        A server that cannot be reached, or is not well, is a `Retry`; that there is no such file, that it is too large
        or elsewhere, or that the guard refuses its address, is a `Reject`.
        """
        try:
            async with self._at_once, asyncio.timeout(self._patience.total.total_seconds()):
                hosts = (await self._guard.addresses(url))[:_MOST_ADDRESSES]
                for host in hosts:
                    try:
                        return await self._ask(host, url, most)
                    except aiohttp.ClientConnectorError:
                        if host == hosts[-1]:
                            raise
        except Invalid as error:
            return Reject(error.message, code=error.code)
        except (OSError, aiohttp.ClientError, ValueError) as error:
            seconds = self._patience.total.total_seconds()
            why = f"it did not arrive within {seconds:g} s" if isinstance(error, TimeoutError) else str(error)
            return Retry(f"{url.host}: {printable(why or type(error).__name__)}", blameless=True)
        raise AssertionError("there is always an address, or an error")

    async def close(self) -> None:
        """Close what is open. May be called more than once."""
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()

    async def _ask(self, host: str, url: Destination, most: int) -> Download | Retry | Reject:
        async with self._open().get(
            URL.build(scheme=url.scheme, host=host, port=url.port, path=url.path, query_string=url.query, encoded=True),
            headers={**_HEADERS, "host": url.authority},
            server_hostname=None if url.address is not None else url.host,
            allow_redirects=False,
        ) as response:
            if (refused := _refused(response.status, response.headers, url.host)) is not None:
                return refused
            if (response.content_length or 0) > most:
                return _too_large(most)
            pieces, size = [], 0
            async for piece in response.content.iter_chunked(_PIECE):
                size += len(piece)
                if size > most:
                    response.close()
                    return _too_large(most)
                pieces.append(piece)
            return Download(b"".join(pieces), response.headers.get("content-type"))

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=_AT_ONCE, force_close=True),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._patience.connect.total_seconds()),
                auto_decompress=False,
                trust_env=False,
            )
        return self._session


def _refused(status: int, headers: Mapping[str, str], host: str) -> Retry | Reject | None:
    """What an answer other than a file means."""
    if status == 200:
        packed = headers.get("content-encoding", "identity").strip().lower()
        if packed in ("", "identity"):
            return None
        return Reject(f"{host} sent it packed ({printable(packed)[:20]}), unasked", code="attachment_unavailable")
    if 300 <= status < 400:
        return Reject(f"{host} answered HTTP {status}, and redirects are not followed", code="attachment_unavailable")
    if status in (408, 425, 429) or status >= 500:
        after = parse_retry_after(headers.get("retry-after"), clock.now())
        return Retry(f"{host} answered HTTP {status}", after=after, blameless=True)
    return Reject(f"{host} answered HTTP {status}", code="attachment_unavailable")


def _too_large(most: int) -> Reject:
    return Reject(f"the files of one mail may have {most:,} octets", code="too_large")
