"""Who sends a push message, as its push service is told: RFC 8292 (VAPID).

A browser subscribes for one public key; its push service then takes messages from who has the private one. An assertion
is good for one push service and some hours, and is made once for all messages of that time.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    derive_private_key,
    generate_private_key,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from clarion.channels.push.subscription import decode, encode
from clarion.errors import Invalid

#: RFC 8292 §2 allows a day.
_LIFETIME = timedelta(hours=12)
#: An assertion is replaced so long before it runs out.
_AHEAD = timedelta(hours=1)
_MOST_SERVICES = 200
_OCTETS = 32


@dataclass(frozen=True, slots=True)
class _Made:
    header: str
    good_until: datetime


class Vapid:
    """One key, and the assertions that it has made."""

    def __init__(self, key: EllipticCurvePrivateKey, subject: str) -> None:
        """*subject* is whom a push service writes to: ``mailto:`` or ``https:``."""
        self._key = key
        self._subject = subject
        self._made: OrderedDict[str, _Made] = OrderedDict()
        #: What browsers subscribe with (``applicationServerKey``).
        self.public_key = public_text(key)

    def authorization(self, origin: str, now: datetime) -> str:
        """The header for the push service at *origin*."""
        made = self._made.get(origin)
        if made is None or now >= made.good_until:
            expires = now + _LIFETIME
            claims = {"aud": origin, "exp": int(expires.timestamp()), "sub": self._subject}
            assertion = jwt.encode(claims, self._key, algorithm="ES256")
            made = self._made[origin] = _Made(f"vapid t={assertion},k={self.public_key}", expires - _AHEAD)
        self._made.move_to_end(origin)
        while len(self._made) > _MOST_SERVICES:
            self._made.popitem(last=False)
        return made.header

    def forget(self, origin: str) -> None:
        """The push service at *origin* did not take the assertion: the next one is a new one."""
        self._made.pop(origin, None)


def new_key() -> EllipticCurvePrivateKey:
    """A key for a new account."""
    return generate_private_key(SECP256R1())


def private_text(key: EllipticCurvePrivateKey) -> str:
    """*key* as settings have it: 32 octets in the base64 of URLs, as other tools for Web Push write it too."""
    return encode(key.private_numbers().private_value.to_bytes(_OCTETS, "big"))


def public_text(key: EllipticCurvePrivateKey) -> str:
    """What browsers subscribe with: the point, not compressed, in the base64 of URLs."""
    return encode(key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))


def load_key(text: str) -> EllipticCurvePrivateKey:
    """The key in *text*: as `private_text` writes it, or PEM. Raises `Invalid` that repeats nothing of it."""
    if "-----BEGIN" in text:
        try:
            key = load_pem_private_key(text.encode(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise Invalid("the PEM holds no private key that can be read without a password") from None
        if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
            raise Invalid("the key is not one of the curve P-256")
        return key
    try:
        octets = decode(text)
        if len(octets) != _OCTETS:
            raise ValueError
        return derive_private_key(int.from_bytes(octets, "big"), SECP256R1())
    except ValueError:
        raise Invalid("expected a private key of P-256, as `clarion vapid` makes it: 43 letters, or PEM") from None
