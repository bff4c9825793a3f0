"""What Mailgun takes and what it refuses, in its own words: the part of the fake that is data and pure functions.

Sources, as of November 2026: https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/messages, and
https://github.com/mailgun/documentation, source/api-sending.rst ("Error codes", July 2024).
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser
from email.utils import getaddresses

#: A field of a form by its name: texts, and files as their octets.
Form = Mapping[str, Sequence[str | bytes]]

#: Addresses of this top domain, which is nobody's (RFC 6761), are no addresses to the fake: among those that Clarion
#: lets pass, none is known that Mailgun would not take.
REFUSED_DOMAIN = ".invalid"

_ADDRESS = re.compile(r"[!-?A-~]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_OPTIONS = ("o:", "h:", "v:", "t:")
_MOST_RECIPIENTS = 1_000
_MOST_OPTIONS = 16 * 1024


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is an error."""

    status: int
    message: str


NOT_LOGGED_IN = Refusal(401, "Forbidden")


def no_domain(name: str) -> Refusal:
    return Refusal(404, f"Domain not found: {name}")


def wrong_type(given: str) -> Refusal:
    return Refusal(400, f"Invalid request content type. Expecting 'multipart/form-data' but got '{given}'")


def refusal_of_mime(form: Form) -> Refusal | None:
    """Why Mailgun would not take a MIME message with these fields; None when it would."""
    message = first(form, "message")
    if not first(form, "to"):
        return Refusal(400, "to parameter is missing")
    if message is None:
        return Refusal(400, "message parameter is missing")
    if not isinstance(message, bytes):
        return Refusal(400, "'message' parameter is not a file")
    names = (line.partition(b":")[0] for line in _HEAD_END.split(message)[0].splitlines() if line[:1] not in b" \t")
    if bad := next((name for name in names if not name.isascii()), None):
        return Refusal(400, f"Header name must be pure ASCII: {bad.decode('utf-8', 'replace')}")
    return _refused(form, str(parse(message).get("from", "")))


def refusal_of_parts(form: Form) -> Refusal | None:
    """Why Mailgun would not take a message in parts; None when it would."""
    for name in ("from", "to"):
        if not first(form, name):
            return Refusal(400, f"{name} parameter is missing")
    if not any(first(form, name) for name in ("text", "html", "amp-html", "template")):
        return Refusal(400, "Need at least one of 'text' or 'html' parameters specified")
    return _refused(form, text(form, "from"))


def recipients(form: Form) -> list[str]:
    """The bare addresses of ``to``: it may come several times, with commas in each."""
    given = [one for one in form.get("to", ()) if isinstance(one, str)]
    return [address for _, address in getaddresses(given)]


def first(form: Form, name: str) -> str | bytes | None:
    found = form.get(name)
    return found[0] if found else None


def text(form: Form, name: str) -> str:
    found = first(form, name)
    return found if isinstance(found, str) else ""


def parse(message: bytes) -> Message:
    """The fields of a MIME message's head."""
    return BytesParser().parsebytes(message, headersonly=True)


def signature(signing_key: str, timestamp: str, token: str) -> str:
    """As https://documentation.mailgun.com/docs/mailgun/user-manual/events/webhooks describes it."""
    return hmac.new(signing_key.encode(), f"{timestamp}{token}".encode(), "sha256").hexdigest()


def _refused(form: Form, sender: str) -> Refusal | None:
    to = recipients(form)
    if len(to) > _MOST_RECIPIENTS:
        return Refusal(400, f"Too many recipients, max is {_MOST_RECIPIENTS}")
    for name, addresses in (("to", to), ("from", [address for _, address in getaddresses([sender])])):
        if not addresses or not all(_is_address(one) for one in addresses):
            return Refusal(400, f"{name} parameter is not a valid address. please check documentation")
    options = sum(len(str(one)) for name in form if name.startswith(_OPTIONS) for one in form[name])
    if options > _MOST_OPTIONS:
        return Refusal(400, "Send options (parameters starting with o:, h:, or v:) are limited to 16 kB total")
    return None


def _is_address(one: str) -> bool:
    return _ADDRESS.fullmatch(one) is not None and not one.endswith(REFUSED_DOMAIN)
