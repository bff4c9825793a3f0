"""Access to Google's APIs for a service account: a token for an hour, against an assertion that it has signed.

Written from https://developers.google.com/identity/protocols/oauth2/service-account (RFC 7523) as of November 2026.
"""

from __future__ import annotations

import asyncio
import ssl
from datetime import timedelta
from urllib.parse import urlencode

from clarion import clock
from clarion.channels.push.service_account import ServiceAccount, load_private_key
from clarion.domain.outcome import Reject, Retry, Uncertain
from clarion.http.client import Client, Patience
from clarion.http.outcome import BUSY, LOCKED_OUT
from clarion.http.reply import Reply, printable
from clarion.http.url_guard import parse_url

_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_HEADERS = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
#: Whatever the address is where a token is asked for.
_AUDIENCE = "https://oauth2.googleapis.com/token"
_LIFETIME = timedelta(hours=1)
#: A token is replaced so long before it runs out, so that none runs out on its way.
_AHEAD = timedelta(minutes=5)


class GoogleAccess:
    """The token of one service account, renewed by whoever needs it first; all others wait for that."""

    def __init__(
        self, account: ServiceAccount, scope: str, *, patience: Patience, tls: ssl.SSLContext | None = None
    ) -> None:
        self._account = account
        self._scope = scope
        self._uri = parse_url(account.token_uri)
        self._http = Client(connections=1, patience=patience, tls=tls)
        self._renewing = asyncio.Lock()
        self._key = load_private_key(account.private_key)
        self._token: str | None = None
        #: On the monotonic clock.
        self._good_until = 0.0

    async def token(self) -> str | Retry:
        """A token that is good for some minutes at least; or why there is none, and everybody waits."""
        async with self._renewing:
            if self._token is None or clock.monotonic() >= self._good_until:
                asked = clock.monotonic()
                answer = await self._http.post(self._uri, self._form(), _HEADERS)
                got = _read(answer)
                if isinstance(got, Retry):
                    return got
                self._token, lifetime = got
                self._good_until = asked + max(lifetime - _AHEAD, lifetime / 2).total_seconds()
            return self._token

    def forget(self, token: str) -> None:
        """*token* was not accepted: the next one is a new one."""
        if self._token == token:
            self._token = None

    async def close(self) -> None:
        """Close what is open. May be called more than once."""
        await self._http.close()

    def _form(self) -> bytes:
        import jwt  # only where there is an account

        account, now = self._account, int(clock.now().timestamp())
        claims = {
            "iss": account.email,
            "scope": self._scope,
            "aud": _AUDIENCE,
            "iat": now,
            "exp": now + int(_LIFETIME.total_seconds()),
        }
        headers = {"kid": account.key_id} if account.key_id else None
        assertion = jwt.encode(claims, self._key, algorithm="RS256", headers=headers)
        return urlencode({"grant_type": _GRANT, "assertion": assertion}).encode()


def _read(answer: Reply | Retry | Reject | Uncertain) -> tuple[str, timedelta] | Retry:
    """The token in *answer*, and how long it is good.

    Asking for one sends nothing: whatever went wrong, it may be asked for again.
    """
    if not isinstance(answer, Reply):
        return Retry(f"no access token: {answer.reason}", after=BUSY, pause_provider=True)
    found = answer.json
    token, lifetime = found.get("access_token"), found.get("expires_in")
    if answer.ok and isinstance(token, str) and token.isprintable() and token and isinstance(lifetime, int):
        return token, timedelta(seconds=max(0, min(lifetime, int(_LIFETIME.total_seconds()))))
    error, description = found.get("error"), found.get("error_description")
    words = ": ".join(printable(text) for text in (error, description) if isinstance(text, str))
    said = f"no access token: HTTP {answer.status}" + (f", {words}" if words else "")
    refused = 400 <= answer.status < 500 and answer.status not in (408, 425, 429)
    return Retry(said, after=answer.retry_after or (LOCKED_OUT if refused else BUSY), pause_provider=True)
