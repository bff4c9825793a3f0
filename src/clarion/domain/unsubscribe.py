"""Links by which a recipient unsubscribes: one address, one category, and nothing else that could be done with them.

What a link says is sealed by AES-SIV (RFC 5297), so that nobody reads an address in it and nobody makes one up. The
same words always give the same link, nothing has to be stored for it, and it is good for as long as the installation
keeps its secret, as RFC 8058 wants it to be.
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

    __slots__ = ("_siv",)

    def __init__(self, secret: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV  # only where there are links: it takes a while

        self._siv = AESSIV(hmac.digest(secret, b"unsubscribe", "sha512"))

    def seal(self, said: bytes) -> bytes:
        return self._siv.encrypt(said, None)

    def unseal(self, sealed: bytes) -> bytes | None:
        """What was closed with this key; None when it was not."""
        from cryptography.exceptions import InvalidTag

        try:
            return self._siv.decrypt(sealed, None)
        except InvalidTag:
            return None
