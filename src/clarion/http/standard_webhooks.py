"""Standard Webhooks (https://www.standardwebhooks.com): secrets, signatures, and the one way in which what is signed is
posted, be it a publication to an endpoint of the settings or a message to a webhook of a recipient's."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets as random
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from clarion import clock
from clarion.domain.outcome import Outcome
from clarion.errors import Invalid
from clarion.http.reply import Reply
from clarion.http.url_guard import Destination

if TYPE_CHECKING:
    from clarion.http.client import Client

#: What one exchange may take in all, from the look-up of the name to the end of the answer.
DEADLINE = timedelta(seconds=15)

_PREFIX = "whsec_"
_BYTES = 32


def new_secret() -> str:
    """A secret that nobody has yet, as its receiver is told it."""
    return _PREFIX + base64.b64encode(random.token_bytes(_BYTES)).decode("ascii")


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


async def post_signed(
    http: Client,
    to: Destination,
    secrets: Sequence[bytes],
    id: str,
    body: bytes,
    *,
    content_type: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> Outcome:
    """Post *body* signed under each of *secrets*, and say what the answer means. Never raises for what others do.

    *id* is the same at every attempt, and must be plain ASCII; the time and so the signature are those of the attempt,
    made when its turn has come. *headers* go along: whoever gives them has checked them.
    """
    more = dict(headers or {})

    def proof() -> dict[str, str]:
        timestamp = int(clock.now().timestamp())
        return {
            **more,
            "content-type": content_type,
            "webhook-id": id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(secrets, id, timestamp, body),
        }

    answer = await http.post(to, body, proof)
    return answer.outcome if isinstance(answer, Reply) else answer
