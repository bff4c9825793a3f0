"""What Postmark takes and what it refuses, in its own words: the part of the fake that is data and pure functions.

Sources, as of November 2026: https://postmarkapp.com/developer/user-guide/send-email-with-api,
https://postmarkapp.com/developer/api/overview (error codes), and
https://postmarkapp.com/support/article/1180-what-does-errorcode-300-mean (what is an address).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import getaddresses

#: Addresses of this top domain, which is nobody's (RFC 6761), are no addresses to the fake; those of the other have
#: bounced before.
REFUSED_DOMAIN = ".invalid"
INACTIVE_DOMAIN = "inactive.example"

_ADDRESS = re.compile(r"[a-z0-9.!#$%&'`*+\-/=^_{}|~]+@(\.?[a-z0-9-])+", re.IGNORECASE)
_MOST_RECIPIENTS = 50
_MOST_METADATA = 10


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is an error."""

    status: int
    code: int
    message: str

    def body(self) -> dict[str, object]:
        """As Postmark writes it."""
        return {"ErrorCode": self.code, "Message": self.message}


NOT_LOGGED_IN = Refusal(
    401, 10, "The Server Token you provided in the X-Postmark-Server-Token request header was invalid."
)
NOT_JSON = Refusal(422, 402, "Invalid JSON")
NO_TYPE = Refusal(422, 409, "This API request requires the 'Content-Type' header to be 'application/json'.")


def refusal_of(mail: Mapping[str, object], domain: str, streams: frozenset[str]) -> Refusal | None:
    """Why Postmark would not take *mail*; None when it would. *domain* is the one whose senders are confirmed."""
    to, sender = recipients(mail), [address for _, address in getaddresses([str(mail.get("From", ""))])]
    if not mail.get("TextBody") and not mail.get("HtmlBody"):
        return Refusal(422, 300, "Provide either email TextBody or HtmlBody or both.")
    if len(to) > _MOST_RECIPIENTS:
        return Refusal(422, 300, f"Invalid 'To' address: at most {_MOST_RECIPIENTS} recipients are allowed.")
    for name, addresses in (("To", to), ("From", sender)):
        for one in addresses or [""]:
            if not _ADDRESS.fullmatch(one) or one.endswith(REFUSED_DOMAIN):
                return Refusal(422, 300, f"Error parsing '{name}': Illegal email address '{one}'.")
    if sender[0].rpartition("@")[2] != domain:
        return Refusal(422, 400, f"The 'From' address you supplied ({sender[0]}) is not a Sender Signature.")
    if str(mail.get("MessageStream", "outbound")) not in streams:
        return Refusal(422, 1235, "The 'MessageStream' provided does not exist on this server.")
    if inactive := [one for one in to if one.endswith(f"@{INACTIVE_DOMAIN}")]:
        words = "You tried to send to recipient(s) that have been marked as inactive. Found inactive addresses: "
        return Refusal(422, 406, f"{words}{', '.join(inactive)}.")
    return _attachments_refused(mail.get("Attachments")) or _metadata_refused(mail.get("Metadata"))


def recipients(mail: Mapping[str, object]) -> list[str]:
    """The bare addresses of ``To``."""
    return [address for _, address in getaddresses([str(mail.get("To", ""))])]


def _attachments_refused(attachments: object) -> Refusal | None:
    """Each with a name, a type and content in base64; those of the HTML as ``cid:…``. No programs."""
    for one in attachments if isinstance(attachments, list) else ():
        try:
            base64.b64decode(one["Content"], validate=True)
            if not one["Name"] or not one["ContentType"] or not one.get("ContentID", "cid:").startswith("cid:"):
                raise ValueError
        except (KeyError, TypeError, ValueError):
            return Refusal(422, 300, "Invalid 'Attachments': name, type and base64 content are required.")
        if one["Name"].lower().endswith((".exe", ".vbs", ".bat")):
            return Refusal(422, 300, f"Attachments of this type are forbidden: {one['Name']}.")
    return None


def _metadata_refused(metadata: object) -> Refusal | None:
    """At most ten fields, names of up to 20 characters, values of up to 80."""
    if metadata is None or (isinstance(metadata, dict) and len(metadata) <= _MOST_METADATA):
        fields = metadata or {}
        if all(len(name) <= 20 and isinstance(value, str) and len(value) <= 80 for name, value in fields.items()):
            return None
    return Refusal(422, 300, "Metadata is not valid.")
