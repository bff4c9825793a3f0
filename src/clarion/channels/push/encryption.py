"""Encrypting a push message for one browser, so that its push service cannot read it: RFC 8291 over RFC 8188.

One record, of a salt and a key of its own for each message.
"""

from __future__ import annotations

import os
from hashlib import sha256
from hmac import digest
from struct import pack

from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDH,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

#: What a push service must take (RFC 8030 §7.2), and what of it is left for a message (RFC 8291 §4).
MOST_BODY = 4_096
_SALT, _KEY, _NONCE, _TAG, _POINT = 16, 16, 12, 16, 65
_HEADER = _SALT + 4 + 1 + _POINT
#: Ends the only record (RFC 8188 §2).
_LAST = b"\x02"
MOST_BYTES = MOST_BODY - _HEADER - len(_LAST) - _TAG

_CURVE = SECP256R1()


def encrypt(
    message: bytes,
    p256dh: bytes,
    auth: bytes,
    *,
    salt: bytes | None = None,
    key: EllipticCurvePrivateKey | None = None,
) -> bytes:
    """The body (``aes128gcm``) by which *message* goes to the browser with these keys.

    *message* has at most `MOST_BYTES`. *salt* and *key* are new ones unless a test gives them. Raises ValueError for a
    `p256dh` that is no point of the curve.
    """
    if len(message) > MOST_BYTES:
        raise ValueError(f"more than {MOST_BYTES:,} octets")
    salt, key = salt or os.urandom(_SALT), key or generate_private_key(_CURVE)
    own = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    shared = key.exchange(ECDH(), EllipticCurvePublicKey.from_encoded_point(_CURVE, p256dh))
    secret = _derive(auth, shared, b"WebPush: info\0" + p256dh + own, sha256().digest_size)
    content_key = _derive(salt, secret, b"Content-Encoding: aes128gcm\0", _KEY)
    nonce = _derive(salt, secret, b"Content-Encoding: nonce\0", _NONCE)
    sealed = AESGCM(content_key).encrypt(nonce, message + _LAST, None)
    return salt + pack("!IB", MOST_BODY, _POINT) + own + sealed


def _derive(salt: bytes, secret: bytes, info: bytes, length: int) -> bytes:
    """HKDF with SHA-256 (RFC 5869), of which no more than one block is needed."""
    return digest(digest(salt, secret, "sha256"), info + b"\x01", "sha256")[:length]
