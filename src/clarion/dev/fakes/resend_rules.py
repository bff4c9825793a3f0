"""What Resend takes and what it refuses, in its own words: the part of the fake that is data and pure functions.

Sources, as of November 2026: https://resend.com/docs/api-reference/emails/send-email,
https://resend.com/docs/api-reference/errors, https://resend.com/docs/dashboard/emails/idempotency-keys.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parseaddr
from typing import Any

#: Addresses of this top domain, which is nobody's (RFC 6761), are no addresses to the fake.
REFUSED_DOMAIN = ".invalid"

_ADDRESS = re.compile(r"[!-?A-~]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
_TAG = re.compile(r"[A-Za-z0-9_-]{1,256}")
_MOST_RECIPIENTS = 50
_FORMAT = "The email address needs to follow the `email@example.com` or `Name <email@example.com>` format."


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is an error."""

    status: int
    name: str
    message: str

    def body(self) -> dict[str, object]:
        """As Resend writes it."""
        return {"statusCode": self.status, "name": self.name, "message": self.message}


NO_KEY = Refusal(401, "missing_api_key", "Missing API Key")
WRONG_KEY = Refusal(401, "validation_error", "API key is invalid")
LONG_KEY = Refusal(
    400, "invalid_idempotency_key", "Idempotency keys, if present, must have between 1 and 256 characters."
)
OTHER_WORDS = Refusal(409, "invalid_idempotent_request", "Same idempotency key used with a different request payload.")
NOT_JSON = Refusal(400, "validation_error", "The request body must be JSON.")


def refusal_of(mail: Mapping[str, object], domain: str) -> Refusal | None:
    """Why Resend would not take *mail*; None when it would. *domain* is the one that is verified."""
    for name in ("from", "to", "subject"):
        if not mail.get(name):
            return Refusal(422, "missing_required_field", f"Missing `{name}` field.")
    if not mail.get("html") and not mail.get("text"):
        return Refusal(422, "validation_error", "Missing `html` or `text` field.")
    to, sender = recipients(mail), parseaddr(str(mail["from"]))[1]
    if len(to) > _MOST_RECIPIENTS:
        return Refusal(422, "validation_error", f"The `to` field must have at most {_MOST_RECIPIENTS} recipients.")
    for name, addresses in (("to", to), ("from", [sender])):
        if not all(_ADDRESS.fullmatch(one) and not one.endswith(REFUSED_DOMAIN) for one in addresses):
            return Refusal(422, "validation_error", f"Invalid `{name}` field. {_FORMAT}")
    named = sender.rpartition("@")[2]
    if named != domain:
        return Refusal(403, "validation_error", f"The {named} domain is not verified.")
    return _attachments_refused(mail.get("attachments")) or _tags_refused(mail.get("tags"))


def recipients(mail: Mapping[str, object]) -> list[str]:
    """The bare addresses of ``to``: one, or a list."""
    to = mail.get("to")
    return [parseaddr(str(one))[1] for one in (to if isinstance(to, list) else [to])]


def digest(body: bytes) -> str:
    """By this two requests under one key are compared."""
    return hashlib.sha256(body).hexdigest()


def signature(secret: str, id: str, timestamp: str, body: bytes) -> str:
    """As https://resend.com/docs/webhooks/verify-webhooks-requests describes it."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = id.encode() + b"." + timestamp.encode() + b"." + body
    return "v1," + base64.b64encode(hmac.new(key, signed, "sha256").digest()).decode()


def content_of(attachment: Mapping[str, Any]) -> bytes:
    """The octets of *attachment*: in base64, or as a list of numbers, as Resend's library describes it. Raises."""
    content = attachment["content"]
    return bytes(content) if isinstance(content, list) else base64.b64decode(content, validate=True)


def _attachments_refused(attachments: object) -> Refusal | None:
    """Each with a name, and content or a path of a file that is hosted."""
    for one in attachments if isinstance(attachments, list) else ():
        try:
            if not one["filename"] or ("path" not in one and not content_of(one)):
                raise ValueError
        except (KeyError, TypeError, ValueError):
            return Refusal(422, "invalid_attachment", "Attachment must have either a `content` or `path`.")
    return None


def _tags_refused(tags: object) -> Refusal | None:
    """Names and values of ASCII letters, digits, underscores and dashes."""
    given = tags if isinstance(tags, list) else []
    words = [str(tag.get(part, "")) for tag in given if isinstance(tag, dict) for part in ("name", "value")]
    if all(_TAG.fullmatch(word) for word in words):
        return None
    return Refusal(422, "validation_error", "Tags should only contain ASCII letters, numbers, underscores, or dashes.")
