"""What stands between DATA and its final dot."""

from __future__ import annotations

from clarion.smtp.commands import Refusal

#: RFC 5321 §4.5.3.1.6 allows 1,000 octets with the CRLF; real servers refuse more, so a sender should learn it here.
_LONGEST_TEXT_LINE = 998


def unstuffed(content: bytes) -> bytes:
    """The mail with its dots unstuffed (RFC 5321 §4.5.2). Raises `Refusal` for what others would refuse or mend."""
    lines = content.split(b"\r\n")
    if content.count(b"\n") != len(lines) - 1 or content.count(b"\r") != len(lines) - 1:
        raise Refusal(b"554 5.6.0 Bare CR or LF in the mail: lines must end in CRLF")
    if max(map(len, lines)) > _LONGEST_TEXT_LINE + 1:
        raise Refusal(b"554 5.6.0 Line longer than 998 octets (RFC 5321 4.5.3.1.6)")
    if b"\r\n." in content or content.startswith(b"."):
        content = content.removeprefix(b".").replace(b"\r\n.", b"\r\n")
    return content
