"""What Vonage takes and what it refuses, in its own words: the part of the fake that is data and pure functions.

Sources, as of November 2026: https://developer.vonage.com/en/api/sms, https://developer.vonage.com/en/api-errors/sms
and https://developer.vonage.com/en/getting-started/concepts/signing-messages.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass

Form = Mapping[str, str]

_TO = re.compile(r"[1-9][0-9]{6,14}")
_FROM = re.compile(r"[0-9]{3,15}|[A-Za-z0-9 ]{1,11}")
_MOST = 3_200
_MOST_REFERENCE = _MOST_CALLBACK = 100

#: Numbers that the fake refuses, with the status.
MAGIC: Mapping[str, tuple[str, str]] = {
    "15005550007": ("7", "Number barred"),
    "15005550029": ("29", "Non White-listed Destination - rejected"),
    "15005550033": ("33", "Number De-activated"),
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A status that is not 0."""

    status: str
    words: str

    def body(self) -> dict[str, object]:
        """As Vonage writes it: with HTTP 200."""
        return {"message-count": "1", "messages": [{"status": self.status, "error-text": self.words}]}


WRONG_CREDENTIALS = Refusal("4", "Bad Credentials")
WRONG_SIGNATURE = Refusal("14", "Invalid Signature")
BOTH = Refusal("32", "Signature and API secret disallowed")


def refusal_of(form: Form) -> Refusal | None:
    """Why Vonage would not take a message with these fields; None when it would."""
    for name in ("to", "from", "text"):
        if not form.get(name):
            return Refusal("2", f"Missing {name} param")
    if not _TO.fullmatch(form["to"]):
        return Refusal("3", "Invalid parameter: to")
    if not _FROM.fullmatch(form["from"]):
        return Refusal("15", "Illegal Sender Address - rejected")
    if form.get("type", "text") not in ("text", "unicode", "binary"):
        return Refusal("3", "Invalid parameter: type")
    if len(form["text"]) > _MOST:
        return Refusal("12", "Message too long")
    if len(form.get("client-ref", "")) > _MOST_REFERENCE:
        return Refusal("3", "Invalid parameter: client-ref")
    callback = form.get("callback", "http://")
    if len(callback) > _MOST_CALLBACK or not callback.startswith(("http://", "https://")):
        return Refusal("23", "Invalid callback url")
    found = MAGIC.get(form["to"])
    return Refusal(*found) if found else None


def shown(form: Form) -> str:
    """The text as a phone shows it: what is not in the alphabet of plain messages is lost unless it goes as unicode."""
    return (
        form["text"] if form.get("type") == "unicode" else form["text"].encode("latin-1", "replace").decode("latin-1")
    )


def parts(form: Form) -> int:
    """About how many messages of the network carry it."""
    single, each = (70, 67) if form.get("type") == "unicode" else (160, 153)
    length = len(form["text"])
    return 1 if length <= single else -(-length // each)


def signed(secret: str, method: str, form: Form) -> str:
    """``sig`` of these parameters."""
    made = hmac.new(secret.encode(), digestmod=getattr(hashlib, method))
    for name in sorted(form):
        if name != "sig":
            made.update(f"&{name}={form[name].replace('&', '_').replace('=', '_')}".encode())
    return made.hexdigest()


def is_recent(form: Form) -> bool:
    """Whether it was signed in the last five minutes."""
    at = form.get("timestamp", "")
    return at.isdigit() and abs(time.time() - int(at)) <= 300
