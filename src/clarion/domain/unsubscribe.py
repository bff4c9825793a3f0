"""Links by which a recipient unsubscribes: one address, one category, and nothing else that could be done with them.

What a link says is sealed, so that nobody reads an address in it and nobody makes one up. The seal is that of RFC 5297
(a synthetic IV: it is a code of the whole text, and the key stream is made from it), with HMAC-SHA-256 as the
pseudorandom function: the same words always give the same link, nothing has to be stored for it, and it is good for as
long as the installation keeps its secret, as RFC 8058 wants it to be.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass
from uuid import UUID

#: The path under which the API takes them, before the token.
PATH = "/u"
_VERSION = b"\x01"
_SEAL = 16
_BLOCK = 32
#: No token that was made is longer: an address has 254 octets, a category 128.
_LONGEST = 700


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What a link says."""

    tenant_id: UUID
    channel: str
    address: str
    category: str


class Links:
    """Makes links under the *secret* of an installation, and reads those under *old* ones as well."""

    def __init__(self, secret: bytes, *old: bytes) -> None:
        self._key = _Key(secret)
        self._keys = (self._key, *map(_Key, old))

    def token(self, link: Link) -> str:
        """What stands for *link* in a path: letters, digits, ``-`` and ``_``."""
        said = _VERSION + link.tenant_id.bytes + "\0".join((link.channel, link.category, link.address)).encode()
        return base64.urlsafe_b64encode(self._key.seal(said)).decode().rstrip("=")

    def read(self, token: str) -> Link | None:
        """What *token* says; None when it was not made under one of the secrets, letter by letter."""
        if len(token) > _LONGEST:
            return None
        try:
            sealed = base64.b64decode(token.encode() + b"=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        opened = [said for key in self._keys if (said := key.unseal(sealed)) is not None]
        if not opened or opened[0][:1] != _VERSION:
            return None
        said = opened[0]
        if base64.urlsafe_b64encode(sealed).decode().rstrip("=") != token:  # the last letter has bits to spare
            return None
        channel, category, address = said[17:].decode().split("\0")
        return Link(tenant_id=UUID(bytes=said[1:17]), channel=channel, address=address, category=category)


class _Key:
    """What closes and opens."""

    __slots__ = ("_seal_key", "_stream_key")

    def __init__(self, secret: bytes) -> None:
        self._seal_key = hmac.digest(secret, b"unsubscribe: seal", "sha256")
        self._stream_key = hmac.digest(secret, b"unsubscribe: stream", "sha256")

    def seal(self, said: bytes) -> bytes:
        seal = self._seal(said)
        return seal + self._mixed(seal, said)

    def unseal(self, sealed: bytes) -> bytes | None:
        """What was closed with this key; None when it was not, compared in constant time."""
        seal = sealed[:_SEAL]
        said = self._mixed(seal, sealed[_SEAL:])
        return said if hmac.compare_digest(seal, self._seal(said)) else None

    def _seal(self, said: bytes) -> bytes:
        return hmac.digest(self._seal_key, said, "sha256")[:_SEAL]

    def _mixed(self, seal: bytes, text: bytes) -> bytes:
        """*text* with the key stream that belongs to *seal*: twice gives it back."""
        blocks = [
            hmac.digest(self._stream_key, seal + number.to_bytes(2, "big"), "sha256")
            for number in range(-(-len(text) // _BLOCK))
        ]
        stream = b"".join(blocks)[: len(text)]
        return (int.from_bytes(text, "big") ^ int.from_bytes(stream, "big")).to_bytes(len(text), "big")
