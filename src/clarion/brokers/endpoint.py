"""An endpoint of webhooks: where it is, and the secrets that prove to it who is speaking (Standard Webhooks)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field

from clarion.errors import Invalid
from clarion.http.url_guard import Destination

_PREFIX = "whsec_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One receiver of webhooks."""

    name: str
    destination: Destination
    #: The keys that sign: the new one and, while receivers change over, the old one. Never shown.
    secrets: tuple[bytes, ...] = field(repr=False)

    def __str__(self) -> str:
        return self.name


def read_secret(text: str) -> bytes:
    """The key in *text*, ``whsec_`` and base64 of 24 to 64 bytes. Raises `Invalid` that does not repeat it."""
    try:
        key = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith(_PREFIX) or not 24 <= len(key) <= 64:
        raise Invalid(
            "a secret of a webhook is whsec_ followed by base64 of 24 to 64 bytes, "
            "for example from: echo whsec_$(openssl rand -base64 32)"
        )
    return key


def signature(secrets: Sequence[bytes], id: str, timestamp: int, body: bytes) -> str:
    """The ``webhook-signature`` of exactly these bytes: one for each secret, so that either opens it."""
    signed = f"{id}.{timestamp}.".encode() + body
    digests = (hmac.digest(secret, signed, hashlib.sha256) for secret in secrets)
    return " ".join(f"v1,{base64.b64encode(digest).decode('ascii')}" for digest in digests)
