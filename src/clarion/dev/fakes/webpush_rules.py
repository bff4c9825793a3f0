"""What a push service takes and what it refuses: the part of the fake that is data and pure functions.

Sources, as of November 2026: RFC 8030 §5, RFC 8292 §4, https://mozilla-push-service.readthedocs.io/en/latest/http.html.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from clarion import clock

MOST_BYTES = 4_096
_LONGEST_S = 24 * 3_600
_VAPID = re.compile(r"vapid\s+(?:t=(?P<t1>[^,\s]+)\s*,\s*k=(?P<k1>[\w=-]+)|k=(?P<k2>[\w=-]+)\s*,\s*t=(?P<t2>[^,\s]+))")
_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,32}")
_URGENCY = frozenset({"very-low", "low", "normal", "high"})


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is an error."""

    http: int
    errno: int
    message: str

    def body(self) -> dict[str, object]:
        """As Mozilla writes it."""
        return {"code": self.http, "errno": self.errno, "error": "Refused", "message": self.message}


def sender_of(authorization: str, origin: str) -> str | None:
    """The public key of who has signed the assertion in *authorization* for *origin*; None where nobody has."""
    found = _VAPID.fullmatch(authorization.strip())
    if found is None:
        return None
    token, key = found["t1"] or found["t2"], (found["k1"] or found["k2"]).rstrip("=")
    try:
        point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _octets(key))
        claims = jwt.decode(token, point, algorithms=["ES256"], audience=origin, options={"require": ["exp", "aud"]})
    except (jwt.InvalidTokenError, ValueError):
        return None
    is_short = claims["exp"] - clock.now().timestamp() <= _LONGEST_S
    return key if is_short and str(claims.get("sub", "")).startswith(("mailto:", "https:")) else None


def refusal_of(
    headers: Mapping[str, str], body: bytes, sender: str | None, key: str | None, *, gone: bool
) -> Refusal | None:
    """Why a message would not be taken; None when it would.

    *sender* is who has signed; *key* is what the browser subscribed for, None where there is no such browser.
    """
    if len(body) > MOST_BYTES:
        return Refusal(413, 104, "Data payload must be 4096 octets or smaller")
    wrong = _wrong(headers)
    if wrong is not None:
        return wrong
    if sender is None:
        return Refusal(401, 109, "Unauthorized: the VAPID assertion is missing or invalid")
    if gone:
        return Refusal(410, 106, "No such subscription")
    if key is None:
        return Refusal(404, 102, "Invalid endpoint")
    return None if sender == key.rstrip("=") else Refusal(403, 110, "the VAPID key is not that of the subscription")


def _wrong(headers: Mapping[str, str]) -> Refusal | None:
    if not re.fullmatch(r"[0-9]{1,10}", headers.get("ttl", "")):
        return Refusal(400, 112, "TTL header is missing or invalid")
    if headers.get("content-encoding") != "aes128gcm":
        return Refusal(400, 110, "Unknown Content-Encoding")
    if not _TOPIC.fullmatch(headers.get("topic", "x")):
        return Refusal(400, 113, "Invalid Topic")
    return None if headers.get("urgency", "normal") in _URGENCY else Refusal(400, 111, "Invalid Urgency")


def _octets(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
