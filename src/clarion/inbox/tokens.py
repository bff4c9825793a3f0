"""Tokens by which a recipient reads the own feed, and tickets by which a browser opens a stream of it.

A token is a JWT (RFC 7519) that the application asks for on behalf of somebody it has let in, good for a quarter of an
hour at most. A ticket is another, for one use within half a minute: an `EventSource` sends no headers, and what stands
in an address is found again in logs.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid4

import jwt

from clarion import clock
from clarion.store.feed_changes import Feed

#: How long a token opens, and a ticket.
LONGEST: Final = timedelta(minutes=15)
TICKET: Final = timedelta(seconds=30)
_ALGORITHM: Final = "HS256"


class _Use(NamedTuple):
    """What a JWT is for, and the claims without which it is none."""

    audience: str
    claims: tuple[str, ...]


_TOKEN: Final = _Use("clarion:feed", ("sub", "tenant", "iat", "exp", "jti"))
_TICKET: Final = _Use("clarion:feed-ticket", ("sub", "tenant", "iat", "exp", "jti", "until"))


class Minted(NamedTuple):
    """A token or a ticket, and until when it opens."""

    text: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """What a token or a ticket says."""

    id: UUID
    feed: Feed
    expires_at: datetime
    #: For how long what it opens may stay open: until the token has expired by which it was asked for.
    until: datetime


class Tokens:
    """Makes them under the *secret* of an installation, and reads those under *old* ones as well."""

    def __init__(self, secret: bytes, *old: bytes) -> None:
        self._keys = [hmac.digest(one, b"feed tokens", "sha256") for one in (secret, *old)]

    def token(self, feed: Feed, life: timedelta) -> Minted:
        """A token for *feed*, at most `LONGEST`."""
        return self._mint(_TOKEN, feed, min(life, LONGEST))

    def ticket(self, pass_: Pass) -> Minted:
        """A ticket for whoever has shown the token *pass_*."""
        return self._mint(_TICKET, pass_.feed, TICKET, until=pass_.until.timestamp())

    def read_token(self, text: str) -> Pass | None:
        """What a token says; None when it is none, or its time is over."""
        return self._read(_TOKEN, text)

    def read_ticket(self, text: str) -> Pass | None:
        """What a ticket says; None when it is none, or its time is over. Whether it was used is not known here."""
        return self._read(_TICKET, text)

    def _mint(self, use: _Use, feed: Feed, life: timedelta, **more: object) -> Minted:
        now = clock.now()
        claims = {
            "aud": use.audience,
            "sub": feed.recipient_id,
            "tenant": feed.tenant_id.hex,
            "iat": int(now.timestamp()),
            "exp": int((now + life).timestamp()),
            "jti": uuid4().hex,
            **more,
        }
        return Minted(jwt.encode(claims, self._keys[0], algorithm=_ALGORITHM), now + life)

    def _read(self, use: _Use, text: str) -> Pass | None:
        for key in self._keys:
            claims = _decode(use, text, key)
            if claims is not None:
                return _pass(claims)
        return None


def _decode(use: _Use, text: str, key: bytes) -> dict[str, Any] | None:
    """The claims, if they were signed with *key*, by the one algorithm that there is; times by the corrected clock."""
    options: Any = {"require": [*use.claims, "aud"], "verify_exp": False, "verify_iat": False}
    try:
        claims = jwt.decode(text, key, algorithms=[_ALGORITHM], audience=use.audience, options=options)
    except jwt.InvalidTokenError:
        return None
    return claims if clock.now().timestamp() < claims["exp"] else None


def _pass(claims: dict[str, Any]) -> Pass:
    expires_at = datetime.fromtimestamp(claims["exp"], UTC)
    return Pass(
        id=UUID(hex=claims["jti"]),
        feed=Feed(UUID(hex=claims["tenant"]), claims["sub"]),
        expires_at=expires_at,
        until=datetime.fromtimestamp(claims["until"], UTC) if "until" in claims else expires_at,
    )
