"""Header fields of a mail: what may stand in one, and how it is written in ASCII.

Text that is not plain ASCII becomes encoded words (RFC 2047); long values are folded (RFC 5322 §2.2.3). Whatever could
start a further field is refused, in names as in values.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from functools import lru_cache

from clarion.domain.address import check_header_text, parse_sender
from clarion.errors import Invalid

#: A line should have no more characters than this (RFC 5322 §2.1.1); with an encoded word it must not (RFC 2047 §2).
LINE = 76
#: A line must not have more octets than this without its CRLF (RFC 5321 §4.5.3.1.6).
HARD_LINE = 998

_CUSTOM_NAME = re.compile(r"X-[A-Za-z0-9-]{1,60}")
#: Fields that hold running text, besides those named X-….
_TEXT_FIELDS = frozenset({"Organization", "Feedback-ID", "Importance"})
#: Fields with a grammar of their own: ASCII only, folded at spaces, never encoded.
_STRUCTURED_FIELDS = frozenset({"List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "In-Reply-To", "References"})

#: ``=?utf-8?b?`` and ``?=`` around at most 60 characters of base64: 75 in all at most (RFC 2047 §2).
_WORD_FRAME = 12
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")


def extra_field(name: str, value: str) -> str:
    """One field that the application adds, with its CRLF.

    Allowed are names that match ``X-[A-Za-z0-9-]{1,60}``, ``Reply-To`` (an address) and a short list of others.
    Raises `Invalid` (``invalid_header``, or ``invalid_email`` for the address of a Reply-To).
    """
    if name == "Feedback-ID":
        return _feedback_id(value)
    if name == "Reply-To":
        return f"Reply-To: {mailbox(len('Reply-To'), *parse_sender(value))}\r\n"
    if _CUSTOM_NAME.fullmatch(name) or name in _TEXT_FIELDS:
        return f"{name}: {text(len(name), value)}\r\n"
    if name in _STRUCTURED_FIELDS:
        return f"{name}: {_structured(name, value)}\r\n"
    raise Invalid(
        f"The header {name[:64]!r} cannot be set: use a name like X-Order, or one of "
        f"{', '.join(sorted(_TEXT_FIELDS | _STRUCTURED_FIELDS | {'Reply-To'}))}",
        code="invalid_header",
    )


@lru_cache(maxsize=256)
def _feedback_id(value: str) -> str:
    """The same for all mails of a trigger."""
    return f"Feedback-ID: {text(len('Feedback-ID'), value)}\r\n"


def text(name_length: int, value: str) -> str:
    """*value* as the body of an unstructured field whose name has *name_length* characters.

    Raises `Invalid` where `check_header_text` does.
    """
    check_header_text(value)
    if value.isascii() and value.isprintable() and "=?" not in value and value == value.strip(" "):
        if len(value) + name_length + 2 <= LINE:
            return value
        folded = _fold(name_length + 2, value)
        if folded is not None:
            return folded
    return _encoded_words(name_length + 2, value)


def mailbox(name_length: int, name: str | None, address: str) -> str:
    """``name <address>`` as the body of a field such as To; *address* comes from `parse_email`.

    Raises `Invalid` where `check_header_text` does for the name.
    """
    if not name:
        return address
    phrase = _phrase(name_length + 2, name)
    used = len(phrase) - phrase.rfind("\n") - 1
    if used == len(phrase):
        used += name_length + 2
    gap = " " if used + len(address) + 3 <= LINE else "\r\n "
    return f"{phrase}{gap}<{address}>"


def _phrase(used: int, name: str) -> str:
    check_header_text(name)
    if name.isascii() and name.isprintable() and "=?" not in name and used + len(name) <= LINE - 10:
        if _ATOMS.fullmatch(name):
            return name
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return _encoded_words(used, name)


def _structured(name: str, value: str) -> str:
    if not value.isascii() or not value.isprintable() or not value.strip():
        raise Invalid(f"The header {name} takes printable ASCII only", code="invalid_header")
    folded = _fold(len(name) + 2, value.strip())
    if folded is None:
        raise Invalid(f"The header {name} has a part that is longer than a line may be", code="invalid_header")
    return folded


def _fold(used: int, value: str) -> str | None:
    """*value* in lines of `LINE` where its spaces allow it; None where a word does not fit in any line.

    Every continuation starts with the very space it was broken at, so unfolding gives the value back.
    """
    lines: list[str] = []
    line = ""
    for word in re.findall(r" *[^ ]+", value):
        if line and used + len(line) + len(word) > LINE:
            lines.append(line)
            line, used = "", 0
        if len(word) > HARD_LINE - used:
            return None
        line += word
    return "\r\n".join([*lines, line])


def _encoded_words(used: int, value: str) -> str:
    """*value* as encoded words, a line each; none splits a character (RFC 2047 §5)."""
    data = value.encode()
    words: list[str] = []
    start = 0
    while start < len(data):
        room = (LINE - used - _WORD_FRAME) // 4 * 3
        end = min(start + room, len(data))
        while end < len(data) and data[end] & 0xC0 == 0x80:
            end -= 1
        words.append(f"=?utf-8?b?{b2a_base64(data[start:end], newline=False).decode()}?=")
        start, used = end, 1
    return "\r\n ".join(words)
