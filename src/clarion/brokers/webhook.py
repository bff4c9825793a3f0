"""Webhooks: publications posted to an endpoint, signed by Standard Webhooks, and nowhere they must not go."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Mapping, Sequence
from datetime import timedelta

from clarion.brokers.base import Publication, Sink
from clarion.brokers.endpoint import Endpoint
from clarion.domain.outcome import Outcome, Reject
from clarion.errors import Invalid
from clarion.http.client import Client, Patience
from clarion.http.reply import printable
from clarion.http.standard_webhooks import DEADLINE, post_signed
from clarion.http.url_guard import UrlGuard

_NAME = re.compile(r"[A-Za-z0-9-]{1,60}")
_OWN = frozenset({"host", "connection", "upgrade", "te", "trailer", "expect", "cookie", "authorization", "user-agent"})
_OWN_PREFIXES = ("webhook-", "content-", "transfer-", "accept", "proxy-", "sec-")


class WebhookSink(Sink):
    """Posts to one endpoint, over connections that are kept."""

    kind = "webhook"

    def __init__(
        self, endpoint: Endpoint, guard: UrlGuard, *, deadline: timedelta = DEADLINE, tls: ssl.SSLContext | None = None
    ) -> None:
        """*tls* is how servers are verified: by the system's authorities unless given."""
        self._endpoint = endpoint
        self._http = Client(guard=guard, patience=Patience(total=deadline), tls=tls)

    async def publish(self, publications: Sequence[Publication]) -> list[Outcome]:
        """Post all, some at the same time; each has its own outcome."""
        return list(await asyncio.gather(*(self._post(one) for one in publications)))

    async def close(self) -> None:
        await self._http.close()

    async def _post(self, publication: Publication) -> Outcome:
        try:
            own = _own_words(publication.headers)
            _check_id(publication.id)
        except Invalid as error:
            return Reject(error.message, code=error.code)
        return await post_signed(
            self._http,
            self._endpoint.destination,
            self._endpoint.secrets,
            publication.id,
            publication.body,
            content_type=publication.content_type,
            headers=own,
        )


def _check_id(id: str) -> None:
    """Raise `Invalid` for what cannot stand in a header."""
    if not id.isascii() or not id.isprintable():
        raise Invalid("its id cannot stand in a header: it is not plain ASCII", code="invalid_id")


def _own_words(headers: Mapping[str, str]) -> dict[str, str]:
    """*headers* that a binding gave. Raises `Invalid` for those that are ours or cannot be."""
    for name, value in headers.items():
        known = name.lower()
        if not _NAME.fullmatch(name) or known in _OWN or known.startswith(_OWN_PREFIXES):
            raise Invalid(f"the header {printable(name)!r} cannot be set", code="invalid_header")
        if not value.isprintable() or not value.isascii():
            raise Invalid(f"the header {name} has a value that is not plain ASCII in one line", code="invalid_header")
    return dict(headers)
