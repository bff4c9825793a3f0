"""The names that applications give to their recipients and topics."""

from __future__ import annotations

import hashlib
import re

from clarion.errors import BadId, Invalid

#: Letters, digits and a few marks: no slash, colon, space or control, so that a name is safe in paths and logs.
PATTERN = r"^[A-Za-z0-9_@.+-]{1,128}$"

#: Characters in a name that an application gives to something of its own, such as a booking.
LONGEST_REFERENCE = 255

_IDENTIFIER = re.compile(PATTERN.strip("^$"))
_DOTS = frozenset({".", ".."})


def check_identifier(text: str) -> str:
    """*text*, when it can name a recipient or a topic; raises `BadId` otherwise.

    ``.`` and ``..`` are refused too: clients and proxies take them out of paths.
    """
    if _IDENTIFIER.fullmatch(text) is None or text in _DOTS:
        raise BadId(f"{text[:64]!r} cannot be an id: use 1 to 128 of the characters A-Z a-z 0-9 _ @ . + -")
    return text


def of_mailbox(mailbox: str) -> str:
    """The id of a recipient who has none but an address (as `address.same_mailbox` gives it): the same every time.

    The address itself where it can be an id, else a digest of it.
    """
    if _IDENTIFIER.fullmatch(mailbox):
        return mailbox
    return "mail-" + hashlib.sha256(mailbox.encode()).hexdigest()[:40]


def check_reference(text: str) -> str:
    """*text*, when it can be kept as the application's own word for what it is about; raises `Invalid` otherwise."""
    if not 1 <= len(text) <= LONGEST_REFERENCE:
        raise Invalid(f"must have 1 to {LONGEST_REFERENCE} characters", code="too_long" if text else "too_short")
    if not text.isprintable():
        raise Invalid("only printable characters")
    return text
