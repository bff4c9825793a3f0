"""Who Amazon SNS is: its certificates, from its own servers alone, and the confirming of subscriptions there.

Nothing is fetched from an address that somebody has written into a request, unless it is one that only Amazon can have:
https, the server of SNS in the region of the topic, a certificate's name. Buckets (``s3.amazonaws.com``) are anybody's.
Redirects are not followed, the address is one of the internet's (`UrlGuard`), and a certificate is kept for a day.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509 import load_pem_x509_certificate

from clarion import clock
from clarion.channels.aws.account import domain_of
from clarion.errors import Forged, Unavailable
from clarion.http.client import Client, Patience
from clarion.http.reply import Reply
from clarion.http.url_guard import UrlGuard, parse_url

_CERTIFICATE = re.compile(r"/SimpleNotificationService-[0-9a-f]{16,64}\.pem")
_KEPT = timedelta(days=1)
_MOST_KEPT = 8
_SHORTEST_KEY = 2048

#: SNS waits 15 s for us.
_PATIENCE = Patience(connect=timedelta(seconds=3), total=timedelta(seconds=6))

#: Amazon changes the certificate once in months. Who invents names of some, makes us ask for so many a minute at most.
_MOST_ASKED = 10
_A_MINUTE_S = 60.0


class Authority:
    """SNS in one region, or a fake that stands for it."""

    def __init__(self, *, region: str, fake: str | None = None, now: Callable[[], datetime] = clock.now) -> None:
        """*fake* is the origin of one on this machine, which an operator has named: then that is SNS, and no other."""
        self._origin = fake or f"https://sns.{region}.{domain_of(region)}"
        self._http = Client(guard=None if fake else UrlGuard(), connections=2, patience=_PATIENCE)
        self._now = now
        self._keys: dict[str, tuple[RSAPublicKey, datetime]] = {}
        self._one_at_a_time = asyncio.Lock()
        self._asked: list[float] = []

    def is_certificate(self, url: str) -> bool:
        """Whether only SNS can have put something at *url*, and it is called as its certificates are."""
        return url.startswith(self._origin + "/") and bool(_CERTIFICATE.fullmatch(url[len(self._origin) :]))

    def is_own(self, url: str) -> bool:
        """Whether *url* is on SNS's server."""
        return url.startswith((self._origin + "/?", self._origin + "?"))

    def key(self, url: str) -> RSAPublicKey | None:
        """The key of the certificate at *url*, if it is here and recent."""
        found = self._keys.get(url)
        return found[0] if found and self._now() < found[1] else None

    async def learn(self, url: str) -> None:
        """Have the certificate at *url*. Raises `Forged` where that is no place of SNS's, or holds none of it;
        `Unavailable` where it cannot be had now."""
        if not self.is_certificate(url):
            raise Forged("its certificate is said to be where SNS has none")
        async with self._one_at_a_time:
            if self.key(url) is None:
                reply = await self._get(url)
                if reply.status in (403, 404):
                    raise Forged("SNS has no such certificate")
                if not reply.ok:
                    raise Unavailable(f"the certificate of SNS cannot be had: HTTP {reply.status}")
                self._keep(url, reply.body)

    async def confirm(self, topic: str, token: str) -> None:
        """Confirm a subscription to *topic*. The address is made here, not taken from the request.

        Raises `Unavailable` where SNS does not do it.
        """
        query = f"Action=ConfirmSubscription&TopicArn={quote(topic, safe='')}&Token={quote(token, safe='')}"
        reply = await self._get(f"{self._origin}/?{query}")
        if not reply.ok:
            raise Unavailable(f"SNS does not confirm the subscription: HTTP {reply.status}: {reply.shown}")

    async def close(self) -> None:
        """Close what is open. May be called more than once."""
        await self._http.close()

    async def _get(self, url: str) -> Reply:
        began = clock.monotonic()
        self._asked = [at for at in self._asked if began - at < _A_MINUTE_S]
        if len(self._asked) >= _MOST_ASKED:
            raise Unavailable("SNS was asked too often in this minute")
        self._asked.append(began)
        answer = await self._http.get(parse_url(url), {})
        if not isinstance(answer, Reply):
            raise Unavailable(f"SNS cannot be asked: {answer.reason}")
        return answer

    def _keep(self, url: str, pem: bytes) -> None:
        try:
            certificate = load_pem_x509_certificate(pem)
            key = certificate.public_key()
        except ValueError:
            raise Forged("what is there is no certificate") from None
        now = self._now()
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            raise Forged("the certificate of SNS has run out, or the clocks differ")
        if not isinstance(key, RSAPublicKey) or key.key_size < _SHORTEST_KEY:
            raise Forged("the certificate is none that SNS signs by")
        while len(self._keys) >= _MOST_KEPT:
            del self._keys[next(iter(self._keys))]
        self._keys[url] = key, min(now + _KEPT, certificate.not_valid_after_utc)
