"""Links by which a recipient unsubscribes: one address, one category, and nothing else that could be done with them.

What a link says is sealed by AES-SIV (RFC 5297), so that nobody reads an address in it and nobody makes one up. The
same words always give the same link, nothing has to be stored for it, and it is good for as long as the installation
keeps its secret, as RFC 8058 wants it to be.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from clarion.domain.sealed import Seals

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
        self._seals = Seals(b"unsubscribe", secret, *old, longest=_LONGEST)

    def token(self, link: Link) -> str:
        """What stands for *link* in a path: letters, digits, ``-`` and ``_``."""
        said = _VERSION + link.tenant_id.bytes + "\0".join((link.channel, link.category, link.address)).encode()
        token = self._seals.token(said)
        assert token is not None, "an address and a category have their limits"
        return token

    def read(self, token: str) -> Link | None:
        """What *token* says; None when it was not made under one of the secrets, letter by letter."""
        said = self._seals.read(token)
        if said is None or said[:1] != _VERSION:
            return None
        channel, category, address = said[17:].decode().split("\0")
        return Link(tenant_id=UUID(bytes=said[1:17]), channel=channel, address=address, category=category)
