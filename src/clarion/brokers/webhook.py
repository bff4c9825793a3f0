"""Webhooks: publications posted to an endpoint, signed by Standard Webhooks, and nowhere they must not go."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import aiohttp
from yarl import URL

from clarion import __version__, clock
from clarion.brokers.base import Publication, Sink
from clarion.brokers.endpoint import Endpoint, signature
from clarion.brokers.http_outcome import of_status, parse_retry_after
from clarion.brokers.url_guard import UrlGuard
from clarion.domain.outcome import Outcome, Reject, Retry, Uncertain
from clarion.errors import Invalid

#: What one exchange may take in all, from the look-up of the name to the end of the answer.
DEADLINE = timedelta(seconds=15)
#: More of an answer is not read.
MOST_READ = 64 * 1024

#: After so many posts in a row without an answer, everybody waits so long: a dead endpoint must not hold up the others.
_MOST_SILENT = 5
_REST = timedelta(seconds=30)

_CONNECT_S = 5.0
_AT_ONCE = 10
_MOST_ADDRESSES = 4
_SHOWN = 200
_NAME = re.compile(r"[A-Za-z0-9-]{1,60}")
_OWN = frozenset({"host", "connection", "upgrade", "te", "trailer", "expect", "cookie", "authorization", "user-agent"})
_OWN_PREFIXES = ("webhook-", "content-", "transfer-", "accept", "proxy-", "sec-")


@dataclass(slots=True)
class _Progress:
    """How far an exchange came: what is known of it when it breaks off."""

    sent: bool = False
    status: int | None = None
    retry_after: str | None = None
    body: bytes = b""


class WebhookSink(Sink):
    """Posts to one endpoint, over connections that are kept."""

    kind = "webhook"

    def __init__(
        self, endpoint: Endpoint, guard: UrlGuard, *, deadline: timedelta = DEADLINE, tls: ssl.SSLContext | None = None
    ) -> None:
        """*tls* is how servers are verified: by the system's authorities unless given."""
        self._endpoint = endpoint
        self._guard = guard
        self._deadline = deadline
        self._tls: ssl.SSLContext | bool = tls or True
        self._session: aiohttp.ClientSession | None = None
        self._at_once = asyncio.Semaphore(_AT_ONCE)
        #: Posts in a row that got no answer, and when (monotonic) the last of them ended.
        self._silent, self._silent_at = 0, 0.0

    async def publish(self, publications: Sequence[Publication]) -> list[Outcome]:
        """Post all, some at the same time; each has its own outcome."""
        return list(await asyncio.gather(*(self._post(one) for one in publications)))

    async def close(self) -> None:
        """Close what is open."""
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()

    async def _post(self, publication: Publication) -> Outcome:
        progress = _Progress()
        async with self._at_once:
            if self._silent >= _MOST_SILENT and clock.monotonic() < self._silent_at + _REST.total_seconds():
                return Retry(f"not tried: {self._silent} posts got no answer", after=_REST, pause_provider=True)
            try:
                headers = self._headers(publication)
                async with asyncio.timeout(self._deadline.total_seconds()):
                    addresses = await self._guard.addresses(self._endpoint.destination)
                    await self._exchange(addresses[:_MOST_ADDRESSES], headers, publication.body, progress)
            except Invalid as error:
                return Reject(error.message, code=error.code)
            except (OSError, aiohttp.ClientError, ValueError) as error:
                if progress.status is None:
                    self._silent, self._silent_at = self._silent + 1, clock.monotonic()
                    return self._broken_off(error, progress)
        assert progress.status is not None
        self._silent = 0
        retry_after = parse_retry_after(progress.retry_after, clock.now())
        return of_status(progress.status, retry_after, _shown(progress.body))

    def _broken_off(self, error: Exception, progress: _Progress) -> Outcome:
        why = (
            f"no answer within {self._deadline.total_seconds():g} s" if isinstance(error, TimeoutError) else str(error)
        )
        why = _printable(why or type(error).__name__)
        return Uncertain(why) if progress.sent else Retry(why)

    def _headers(self, publication: Publication) -> dict[str, str]:
        """All headers of one attempt: the id never changes, the time does. Raises `Invalid` for what cannot be one."""
        if not publication.id.isascii() or not publication.id.isprintable():
            raise Invalid("its id cannot stand in a header: it is not plain ASCII", code="invalid_id")
        timestamp = int(clock.now().timestamp())
        return {
            **_own_words(publication.headers),
            "host": self._endpoint.destination.authority,
            "user-agent": f"Clarion/{__version__}",
            "accept": "*/*",
            "accept-encoding": "identity",
            "content-type": publication.content_type,
            "webhook-id": publication.id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(self._endpoint.secrets, publication.id, timestamp, publication.body),
        }

    async def _exchange(
        self, addresses: Sequence[str], headers: Mapping[str, str], body: bytes, progress: _Progress
    ) -> None:
        """Post to the first of *addresses* that can be connected to, and read what it answers into *progress*."""
        for address in addresses:
            try:
                return await self._ask(address, headers, body, progress)
            except aiohttp.ClientConnectorError:
                if address == addresses[-1] or progress.sent:
                    raise
        return None

    async def _ask(self, address: str, headers: Mapping[str, str], body: bytes, progress: _Progress) -> None:
        to = self._endpoint.destination
        async with self._open().post(
            # The address that was checked, with the name for TLS and for the server: nothing is looked up again.
            URL.build(scheme=to.scheme, host=address, port=to.port, path=to.path, query_string=to.query, encoded=True),
            data=body,
            headers=headers,
            server_hostname=None if to.address is not None else to.host,
            allow_redirects=False,
            trace_request_ctx=progress,
        ) as response:
            progress.status = response.status
            progress.retry_after = response.headers.get("retry-after")
            await _read(response, progress)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            tracing = aiohttp.TraceConfig()
            tracing.on_request_headers_sent.append(_note_sent)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=_AT_ONCE, ssl=self._tls),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S),
                auto_decompress=False,  # a small answer may unpack to a huge one
                trust_env=False,  # a proxy would look the name up again
                trace_configs=[tracing],
            )
        return self._session


async def _note_sent(_session: aiohttp.ClientSession, context: object, _params: object) -> None:
    progress = getattr(context, "trace_request_ctx", None)
    if isinstance(progress, _Progress):
        progress.sent = True


async def _read(response: aiohttp.ClientResponse, progress: _Progress) -> None:
    """Read the body as far as it is of use; leave a connection that would bring more."""
    while len(progress.body) < MOST_READ:
        chunk = await response.content.read(MOST_READ - len(progress.body))
        if not chunk:
            return
        progress.body += chunk
    response.close()


def _own_words(headers: Mapping[str, str]) -> dict[str, str]:
    """*headers* that a binding gave. Raises `Invalid` for those that are ours or cannot be."""
    for name, value in headers.items():
        known = name.lower()
        if not _NAME.fullmatch(name) or known in _OWN or known.startswith(_OWN_PREFIXES):
            raise Invalid(f"the header {_printable(name)!r} cannot be set", code="invalid_header")
        if not value.isprintable() or not value.isascii():
            raise Invalid(f"the header {name} has a value that is not plain ASCII in one line", code="invalid_header")
    return dict(headers)


def _shown(body: bytes) -> str:
    return _printable(body[: 2 * _SHOWN].decode("utf-8", "replace"))


def _printable(text: str) -> str:
    """*text* from outside, fit for a log and a page."""
    return " ".join("".join(c if c.isprintable() else " " for c in text[: 2 * _SHOWN]).split())[:_SHOWN]
