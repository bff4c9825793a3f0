"""What is signed and encrypted in the measurements: the booking mail with keys of its domain, and browsers' keys."""

from __future__ import annotations

import os
from base64 import urlsafe_b64encode
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bench.mail import booking

DOMAIN, SELECTOR = "aurora.example", "bench"
#: What a browser is told: as long as a usual title with its text.
PUSH = b'{"title":"Your room is ready","body":"Dear Ada Lovelace, room 512 of Hotel Aurora is ready for you."}'
#: Messages go to so many browsers in turn.
BROWSERS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Browser:
    """The keys of one subscription."""

    p256dh: bytes
    auth: bytes

    def subscription(self) -> dict[str, object]:
        """As `PushSubscription.toJSON()` gives it."""
        keys = {"p256dh": _text(self.p256dh), "auth": _text(self.auth)}
        return {"endpoint": "https://push.example/1", "keys": keys}


def browsers() -> list[Browser]:
    """New ones."""
    return [Browser(p256dh=_point(), auth=os.urandom(16)) for _ in range(BROWSERS)]


def mail() -> bytes:
    """A mail of some 10 kB, text and HTML, as it goes over SMTP."""
    guest = booking.guest(1)
    head = (
        f"From: Hotel Aurora <bookings@{DOMAIN}>\r\nTo: {guest['email']}\r\nSubject: {booking.SUBJECT}\r\n"
        f"Date: Thu, 26 Nov 2026 00:00:00 +0000\r\nMessage-ID: <1@{DOMAIN}>\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/alternative; boundary="part"\r\n\r\n'
    )
    body = ""
    for kind, file in (("plain", "email.txt"), ("html", "email.html")):
        words = (booking.FOLDER / file).read_text().replace("\n", "\r\n")
        body += (
            f"--part\r\nContent-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{words}\r\n"
        )
    return f"{head}{body}--part--\r\n".encode()


def _point() -> bytes:
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    return public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _text(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode()
