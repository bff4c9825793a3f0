"""Access to Apple's push service: a token that is signed with the team's key, and is good for an hour.

Written from https://developer.apple.com/documentation/usernotifications/establishing-a-token-based-connection-to-apns
as of November 2026: a token is refused when it is older than an hour, and so is one that comes sooner than 20 minutes
after the last.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from clarion.errors import Invalid

_RENEWED_AFTER = timedelta(minutes=40)
_NO_SOONER_THAN = timedelta(minutes=21)


class ApnsAccess:
    """The token of one key."""

    def __init__(self, key: str, *, key_id: str, team_id: str) -> None:
        self._key = load_key(key)
        self._key_id, self._team_id = key_id, team_id
        self._token = ""
        self._made_at: datetime | None = None

    def token(self, now: datetime) -> str:
        """One that is good, and stays so for a while."""
        if self._made_at is None or not timedelta(0) <= now - self._made_at < _RENEWED_AFTER:
            claims = {"iss": self._team_id, "iat": int(now.timestamp())}
            self._token = jwt.encode(claims, self._key, algorithm="ES256", headers={"kid": self._key_id})
            self._made_at = now
        return self._token

    def refused(self, token: str, now: datetime) -> None:
        """*token* was not accepted: the next one is a new one, if another may be made already."""
        if token == self._token and self._made_at is not None and now - self._made_at >= _NO_SOONER_THAN:
            self._made_at = None


def load_key(pem: str) -> EllipticCurvePrivateKey:
    """The key in *pem*. Raises `Invalid` that repeats nothing of it."""
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Invalid("it is no private key; expected the file AuthKey_….p8 as Apple gives it out") from None
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise Invalid("it is not a key of the curve P-256, as Apple's are")
    return key
