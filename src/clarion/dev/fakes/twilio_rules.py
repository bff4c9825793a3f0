"""What Twilio takes and what it refuses, in its own words: the part of the fake that is data and pure functions.

Sources, as of November 2026: https://www.twilio.com/docs/messaging/api/message-resource,
https://www.twilio.com/docs/api/errors, https://www.twilio.com/docs/iam/test-credentials (numbers that always fail).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

#: A form, as it came: a name may come more than once.
Form = Mapping[str, str]

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_FROM = re.compile(r"\+[1-9][0-9]{6,14}|[0-9]{3,8}|(?=.*[A-Za-z])[A-Za-z0-9 +_&-]{1,11}")
_SERVICE = re.compile(r"MG[0-9a-fA-F]{32}")
_HOST = re.compile(r"[A-Za-z0-9.-]+|\[[0-9a-f:]+\]")


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is an error."""

    status: int
    code: int
    message: str

    def body(self) -> dict[str, object]:
        """As Twilio writes it."""
        url = f"https://www.twilio.com/docs/errors/{self.code}"
        return {"code": self.code, "message": self.message, "more_info": url, "status": self.status}


NOT_LOGGED_IN = Refusal(401, 20003, "Authenticate")

#: Numbers that fail in the same way for everybody who tries Twilio's test credentials.
_TO: Mapping[str, tuple[int, str]] = {
    "+15005550001": (21211, "The 'To' number {to} is not a valid phone number."),
    "+15005550002": (21612, "Message cannot be sent with the current combination of 'To' ({to}) and 'From' ({from})."),
    "+15005550003": (21408, "Permission to send an SMS has not been enabled for the region of the 'To' number: {to}."),
    "+15005550004": (21610, "Attempt to send to unsubscribed recipient"),
    "+15005550009": (21614, "'To' number is not a valid mobile number: {to}"),
}
_SENDERS: Mapping[str, tuple[int, str]] = {
    "+15005550001": (
        21212,
        "The 'From' number {from} is not a valid phone number, shortcode, or alphanumeric sender ID.",
    ),
    "+15005550007": (21606, "The 'From' phone number {from} is not a valid message-capable Twilio phone number."),
    "+15005550008": (21611, "This 'From' number has exceeded the maximum number of queued messages"),
}


def not_found(path: str) -> Refusal:
    return Refusal(404, 20404, f"The requested resource {path} was not found")


def refusal_of(form: Form) -> Refusal | None:
    """Why Twilio would not take a message with these fields; None when it would."""
    to, body = form.get("To", ""), form.get("Body", "")
    if not to:
        return Refusal(400, 21604, "A 'To' phone number is required.")
    if not form.get("From") and not form.get("MessagingServiceSid"):
        return Refusal(400, 21603, "A 'From' phone number is required.")
    if not body:
        return Refusal(400, 21602, "Message body is required.")
    if len(body) > 1_600:
        return Refusal(400, 21617, "The concatenated message body exceeds the 1600 character limit.")
    if not _E164.fullmatch(to):
        return Refusal(400, 21211, f"The 'To' number {to} is not a valid phone number.")
    return _sender_refused(form) or _magic(form) or _callback_refused(form.get("StatusCallback", ""))


def signature(token: str, url: str, form: Sequence[tuple[str, str]]) -> str:
    """``X-Twilio-Signature``, as https://www.twilio.com/docs/usage/webhooks/webhooks-security describes it."""
    text = url
    for name in sorted({name for name, _ in form}):
        for value in sorted({value for other, value in form if other == name}):
            text += name + value
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


def segments(body: str) -> int:
    """About how many text messages *body* is: as Twilio counts plain ASCII, and text that is not."""
    single, each = (160, 153) if body.isascii() else (70, 67)
    return 1 if len(body) <= single else math.ceil(len(body) / each)


def _sender_refused(form: Form) -> Refusal | None:
    service, sender = form.get("MessagingServiceSid", ""), form.get("From", "")
    if service and not _SERVICE.fullmatch(service):
        return Refusal(400, 21705, "The Messaging Service Sid is invalid.")
    if sender and not _FROM.fullmatch(sender):
        return Refusal(400, 21212, f"The 'From' number {sender} is not a valid phone number.")
    return None


def _magic(form: Form) -> Refusal | None:
    words = {"to": form.get("To", ""), "from": form.get("From", "")}
    found = _TO.get(words["to"]) or _SENDERS.get(words["from"])
    if found is None:
        return None
    code, message = found
    return Refusal(400, code, message.format(**words))


def _callback_refused(url: str) -> Refusal | None:
    if not url:
        return None
    parts = urlsplit(url)
    usable = parts.scheme in ("http", "https") and _HOST.fullmatch(parts.hostname or "") and len(url) <= 4_000
    return None if usable else Refusal(400, 21609, f"The StatusCallback URL {url[:100]} is not a valid URL.")
