"""Access to Apple's push service: a token that is signed with the team's key, and is good for an hour.

Written from https://developer.apple.com/documentation/usernotifications/establishing-a-token-based-connection-to-apns
as of November 2026: a token is refused when it is older than an hour, and so is one that comes sooner than 20 minutes
after the last. Whose last, Apple does not say, and some who had several processes with a token each were refused
(https://github.com/codedge-llc/pigeon/issues/226). So all processes have the same one, and no word of each other: it is
made of the hour and the key alone.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import orjson
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from clarion.channels.push.subscription import encode
from clarion.errors import Invalid

#: A token is of the half hour in which it is used, and so no older than that.
_PERIOD_S = int(timedelta(minutes=30).total_seconds())
_OCTETS = 32


class ApnsAccess:
    """The tokens of one key."""

    def __init__(self, key: str, *, key_id: str, team_id: str) -> None:
        self._key = load_key(key)
        self._head = {"alg": "ES256", "kid": key_id, "typ": "JWT"}
        self._team_id = team_id
        self._token, self._made_for = "", -1

    def token(self, now: datetime) -> str:
        """The one for *now*: the same for all who have the key."""
        period = int(now.timestamp()) // _PERIOD_S
        if period != self._made_for:
            self._token, self._made_for = self._made(period * _PERIOD_S), period
        return self._token

    def _made(self, at: int) -> str:
        parts = (self._head, {"iss": self._team_id, "iat": at})
        signed = ".".join(encode(orjson.dumps(part)) for part in parts)
        numbers = decode_dss_signature(_signature(self._key, signed.encode()))
        return f"{signed}.{encode(b''.join(number.to_bytes(_OCTETS, 'big') for number in numbers))}"


def _signature(key: EllipticCurvePrivateKey, signed: bytes) -> bytes:
    """The same for the same octets (RFC 6979), where OpenSSL knows how: it does from 3.2 on."""
    try:
        return key.sign(signed, ECDSA(SHA256(), deterministic_signing=True))
    except UnsupportedAlgorithm:
        return key.sign(signed, ECDSA(SHA256()))


def load_key(pem: str) -> EllipticCurvePrivateKey:
    """The key in *pem*. Raises `Invalid` that repeats nothing of it."""
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Invalid("it is no private key; expected the file AuthKey_….p8 as Apple gives it out") from None
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise Invalid("it is not a key of the curve P-256, as Apple's are")
    return key
