"""The same with the libraries that are usual for it: dkimpy, and pywebpush. Both are given what they are given anew."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable

import dkim
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pywebpush import WebPusher

from bench.mail import secrets
from bench.ours.sealing import measure, parse
from clarion.channels.email.dkim_key import new_private_key


def signed(ed25519: bool) -> Callable[[int], bytes]:
    """Signs the booking mail, header and body ``relaxed`` as ours."""
    key, pem = new_private_key(ed25519_=ed25519)
    if ed25519:
        pem = b64encode(key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()))
    data = secrets.mail()

    def one(_: int) -> bytes:
        found: bytes = dkim.sign(
            data,
            secrets.SELECTOR.encode(),
            secrets.DOMAIN.encode(),
            pem,
            canonicalize=(b"relaxed", b"relaxed"),
            signature_algorithm=b"ed25519-sha256" if ed25519 else b"rsa-sha256",
        )
        return found + data

    return one


def encrypted() -> Callable[[int], object]:
    """Encrypts a message, for one browser after the other."""
    subscriptions = [browser.subscription() for browser in secrets.browsers()]
    return lambda number: WebPusher(subscriptions[number % len(subscriptions)]).encode(secrets.PUSH, "aes128gcm")


if __name__ == "__main__":
    given = parse()
    measure(encrypted() if given.what == "webpush" else signed(given.what == "ed25519"), given.jobs)
