"""What is sealed into a link: nobody reads it, nobody makes one up, and nothing is stored for it.

AES-SIV (RFC 5297): the same words always give the same token, and a changed one is none. A token is good for as long as
the installation keeps its secret, or lists it among the old ones.
"""

from __future__ import annotations

import base64
import binascii
import hmac

_OVERHEAD = 16


class Seals:
    """Closes under the *secret* of an installation, for one *purpose*; opens what was closed under *old* ones, too."""

    def __init__(self, purpose: bytes, secret: bytes, *old: bytes, longest: int) -> None:
        """*longest* is how many characters a token may have to be looked at."""
        self._key = _Key(purpose, secret)
        self._keys = (self._key, *(_Key(purpose, one) for one in old))
        self._longest = longest

    def token(self, said: bytes) -> str | None:
        """What stands for *said* in a path: letters, digits, ``-`` and ``_``. None where it would be too long."""
        if (len(said) + _OVERHEAD) * 4 > self._longest * 3:
            return None
        return base64.urlsafe_b64encode(self._key.seal(said)).decode().rstrip("=")

    def read(self, token: str) -> bytes | None:
        """What *token* says; None when it was not made under one of the secrets, letter by letter."""
        if len(token) > self._longest:
            return None
        try:
            sealed = base64.b64decode(token.encode() + b"=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        opened = [said for key in self._keys if (said := key.unseal(sealed)) is not None]
        if not opened:
            return None
        if base64.urlsafe_b64encode(sealed).decode().rstrip("=") != token:  # the last letter has bits to spare
            return None
        return opened[0]


class _Key:
    """What closes and opens."""

    __slots__ = ("_siv",)

    def __init__(self, purpose: bytes, secret: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV  # only where there are links: it takes a while

        self._siv = AESSIV(hmac.digest(secret, purpose, "sha512"))

    def seal(self, said: bytes) -> bytes:
        return self._siv.encrypt(said, None)

    def unseal(self, sealed: bytes) -> bytes | None:
        """What was closed with this key; None when it was not."""
        from cryptography.exceptions import InvalidTag

        try:
            return self._siv.decrypt(sealed, None)
        except InvalidTag:
            return None
