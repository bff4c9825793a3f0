"""A browser that is pushed to: its keys, and how it reads what only it can. Written from RFC 8291 §3, RFC 8188 §2."""

from __future__ import annotations

import json
import os
from base64 import urlsafe_b64encode

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

#: Of P-256 (FIPS 186-4, D.1.2.3): how many private keys there are, and one.
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class Garbled(Exception):
    """This is not what the browser can read."""


class Browser:
    """One browser, on one page."""

    def __init__(self, key: str, *, seed: bytes | None = None) -> None:
        """*key* is what the page subscribed with: who pushes must have the private part of it. Browsers of one *seed*
        are the same one."""
        self.key = key
        own, self._auth = (None, os.urandom(16)) if seed is None else _grown(seed)
        self._private = own or ec.generate_private_key(ec.SECP256R1())
        self._public = self._private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def subscription(self, endpoint: str) -> dict[str, object]:
        """As ``PushSubscription.toJSON()`` gives it."""
        keys = {"p256dh": _text(self._public), "auth": _text(self._auth)}
        return {"endpoint": endpoint, "expirationTime": None, "keys": keys}

    def decrypt(self, body: bytes) -> object:
        """The JSON in *body*. Raises `Garbled`."""
        salt, size, length = body[:16], int.from_bytes(body[16:20], "big"), body[20] if len(body) > 20 else 0
        theirs, sealed = body[21 : 21 + length], body[21 + length :]
        if not 18 <= len(sealed) <= size:
            raise Garbled("it is not one record")
        try:
            point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), theirs)
            info = b"WebPush: info\x00" + self._public + theirs
            secret = HKDF(SHA256(), 32, self._auth, info).derive(self._private.exchange(ec.ECDH(), point))
            key = HKDF(SHA256(), 16, salt, b"Content-Encoding: aes128gcm\x00").derive(secret)
            nonce = HKDF(SHA256(), 12, salt, b"Content-Encoding: nonce\x00").derive(secret)
            padded = AESGCM(key).decrypt(nonce, sealed, None).rstrip(b"\x00")
            if not padded.endswith(b"\x02"):
                raise Garbled("it does not end as the last record does")
            return json.loads(padded[:-1])
        except (InvalidTag, ValueError) as error:
            raise Garbled(type(error).__name__) from None


def _grown(seed: bytes) -> tuple[ec.EllipticCurvePrivateKey, bytes]:
    """The keys that grow from *seed*."""
    octets = HKDF(SHA256(), 48, None, b"browser").derive(seed)
    return ec.derive_private_key(int.from_bytes(octets[:32], "big") % _ORDER or 1, ec.SECP256R1()), octets[32:]


def _text(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode()
