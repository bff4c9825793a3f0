"""A browser's subscription, which is the token of a device for Web Push: where its push service is, and its keys.

It is the JSON of ``PushSubscription.toJSON()`` (https://www.w3.org/TR/push-api/), as of November 2026. Who has it
whole may send to the browser.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from clarion.errors import Invalid
from clarion.http.url_guard import Destination, parse_url

_CODE = "invalid_token"
_BASE64 = re.compile(r"[A-Za-z0-9_+/-]{1,120}={0,2}")
#: A point of P-256, not compressed, and the secret of RFC 8291 §3.2.
_POINT, _SECRET = 65, 16
_NOT_COMPRESSED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What a push service and a browser have agreed on."""

    #: Where messages are posted; as it came.
    endpoint: str = field(repr=False)
    to: Destination = field(repr=False)
    #: The browser's public key, and a secret that it shares with us.
    p256dh: bytes = field(repr=False)
    auth: bytes = field(repr=False)

    @property
    def origin(self) -> str:
        """The push service, as it is known to VAPID (RFC 6454)."""
        return f"{self.to.scheme}://{self.to.authority}"

    def token(self) -> str:
        """The same for the same subscription, without a blank."""
        keys = {"auth": encode(self.auth), "p256dh": encode(self.p256dh)}
        return orjson.dumps({"keys": keys, "endpoint": self.endpoint}).decode()


def parse_subscription(text: str) -> Subscription:
    """The subscription in *text*. Raises `Invalid` (``invalid_token``) that repeats nothing of it."""
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, Mapping) or not isinstance(found.get("keys"), Mapping):
        raise _wrong("expected the JSON of a browser's subscription, with `endpoint` and `keys`, as toJSON() gives it")
    keys, endpoint = found["keys"], found.get("endpoint")
    if not isinstance(endpoint, str):
        raise _wrong("its `endpoint` is missing")
    try:
        to = parse_url(endpoint)
    except Invalid as error:
        raise _wrong(f"its `endpoint`: {error.message}") from None
    p256dh, auth = _octets(keys, "p256dh", _POINT), _octets(keys, "auth", _SECRET)
    _check_point(p256dh)
    return Subscription(endpoint=endpoint, to=to, p256dh=p256dh, auth=auth)


def encode(octets: bytes) -> str:
    """*octets* in the base64 of URLs, without padding, as all of Web Push writes them."""
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """What `encode` was given; the other alphabet and padding are let pass. Raises ValueError."""
    if not _BASE64.fullmatch(text):
        raise ValueError("it is not base64")
    plain = text.rstrip("=").replace("+", "-").replace("/", "_")
    return urlsafe_b64decode(plain + "=" * (-len(plain) % 4))


def _octets(keys: Mapping[str, object], name: str, length: int) -> bytes:
    text = keys.get(name)
    try:
        octets = decode(text) if isinstance(text, str) else b""
    except ValueError:
        octets = b""
    if len(octets) != length:
        raise _wrong(f"its key `{name}` is not {length} octets in base64")
    return octets


def _check_point(octets: bytes) -> None:
    """A point that is not on the curve would give away the key that is used with it."""
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey

    try:
        if octets[0] != _NOT_COMPRESSED:
            raise ValueError
        EllipticCurvePublicKey.from_encoded_point(SECP256R1(), octets)
    except ValueError:
        raise _wrong("its key `p256dh` is no point of P-256") from None


def _wrong(why: str) -> Invalid:
    return Invalid(why, code=_CODE)
