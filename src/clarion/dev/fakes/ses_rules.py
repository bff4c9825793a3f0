"""What SES takes and what it refuses, in its own words: the part of the fake that is data and pure functions.

Sources, as of November 2026: https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html,
https://docs.aws.amazon.com/ses/latest/dg/troubleshoot-error-messages.html and
https://docs.aws.amazon.com/ses/latest/dg/quotas.html.
"""

from __future__ import annotations

import base64
import email
import email.policy
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

from clarion import clock

#: A domain of which the fake says that no address is one.
REFUSED = "refused.invalid"

_MOST = 40_000_000
_MOST_RECIPIENTS = 50
_LONGEST_LINE = 1_000
_TAG = re.compile(r"[A-Za-z0-9_-]{1,256}")
_DOMAIN = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is an error."""

    status: int
    name: str
    message: str


def not_let_in(words: str) -> Refusal:
    """The error for a request that is not signed as it must be."""
    if "is expired" in words:
        return Refusal(403, "ExpiredTokenException", words)
    if "token included" in words:
        return Refusal(403, "UnrecognizedClientException", words)
    return Refusal(
        403, "MissingAuthenticationTokenException" if "Missing" in words else "InvalidSignatureException", words
    )


def bad(words: str) -> Refusal:
    return Refusal(400, "BadRequestException", words)


def raw_mail(asked: Mapping[str, Any]) -> bytes | Refusal:
    """The mail in a request, as octets."""
    given = asked.get("Content", {}).get("Raw", {}).get("Data")
    if not isinstance(given, str):
        return bad("Exactly one of Content.Simple, Content.Raw and Content.Template must be given; the fake takes Raw.")
    try:
        return base64.b64decode(given, validate=True)
    except ValueError:
        return bad("Content.Raw.Data is not base64.")


def parsed(raw: bytes) -> EmailMessage:
    return email.message_from_bytes(raw, policy=email.policy.default)


def sent_on(raw: bytes, id: str, region: str) -> bytes:
    """The mail as it leaves SES, which writes two of its fields anew."""
    head, end, body = raw.partition(b"\r\n\r\n")
    for name, text in ((b"Message-ID", f"<{id}@{region}.amazonses.com>"), (b"Date", format_datetime(clock.now()))):
        head = re.sub(rb"(?im)^%s:[^\r\n]*" % name, name + b": " + text.encode(), head)
    return head + end + body


def refusal_of(asked: Mapping[str, Any], raw: bytes, *, verified: str, sets: frozenset[str]) -> Refusal | None:
    """Why SES would not take this; None when it would. *verified* is the domain that mail may be from."""
    mail = parsed(raw)
    if not mail["from"] or b"\r\n\r\n" not in raw:
        return bad("Missing required header 'From'.")
    if len(raw) > _MOST:
        return bad(f"Message length is more than {_MOST} bytes long: '{len(raw)}'.")
    if max(len(line) for line in raw.split(b"\n")) > _LONGEST_LINE:
        return bad("Line length exceeds 1000 octets.")
    name = asked.get("ConfigurationSetName")
    if name is not None and name not in sets:
        return Refusal(404, "NotFoundException", f"Configuration set <{name}> does not exist.")
    for tag in asked.get("EmailTags", []):
        if not (_TAG.fullmatch(str(tag.get("Name"))) and _TAG.fullmatch(str(tag.get("Value")))):
            return bad("Invalid tag: only alphanumeric ASCII characters, '_', and '-' are allowed.")
    return _address_refused(recipients(asked, mail)) or _sender_refused(mail, verified)


def recipients(asked: Mapping[str, Any], mail: EmailMessage) -> list[str]:
    """Who gets it: as the request says, or else the mail."""
    told = asked.get("Destination") or {}
    found = [address for kind in ("ToAddresses", "CcAddresses", "BccAddresses") for address in told.get(kind) or ()]
    return found or [one.addr_spec for one in mail["to"].addresses]


def _address_refused(addresses: list[str]) -> Refusal | None:
    if not 1 <= len(addresses) <= _MOST_RECIPIENTS:
        return bad(f"Recipient count exceeds {_MOST_RECIPIENTS}." if addresses else "Missing required recipients.")
    for address in addresses:
        _, at, domain = address.rstrip(">").rpartition("@")
        if not at:
            return bad("Missing final '@domain'")
        if not _DOMAIN.fullmatch(domain) or domain == REFUSED:
            return bad("Domain contains illegal character" if domain != REFUSED else "Illegal address")
        if not address.isascii():
            return bad("Local address contains control or whitespace")
    return None


def _sender_refused(mail: EmailMessage, verified: str) -> Refusal | None:
    for one in mail["from"].addresses:
        if one.domain != verified:
            words = f"The following identities failed the check in region EU-WEST-1: {one.addr_spec}"
            return Refusal(400, "MessageRejected", f"Email address is not verified. {words}")
    return None
