"""What SMTP's commands say (RFC 5321, with SIZE of RFC 1870, 8BITMIME of RFC 6152, SMTPUTF8 of RFC 6531)."""

from __future__ import annotations

import re

# A path: the address in angle brackets, an old source route before it ignored (RFC 5321 §4.1.1.3), quoted local part
# allowed. The alternatives begin with different characters, so matching takes time in proportion to the line.
_PATH = rb'<(?:@[^:<>\s]+:)?((?:"(?:[^"\\\x00-\x1f\x7f]|\\[^\x00-\x1f\x7f])*"|[^<>"\s\x00-\x1f\x7f])*)>'
_MAIL = re.compile(rb"MAIL FROM:[ \t]*" + _PATH + rb"((?:[ \t]+[^ \t]+)*)[ \t]*", re.IGNORECASE)
_RCPT = re.compile(rb"RCPT TO:[ \t]*" + _PATH + rb"((?:[ \t]+[^ \t]+)*)[ \t]*", re.IGNORECASE)

#: RFC 5321 §4.5.3.1.3 allows 256 octets for a path; with SMTPUTF8 some need more.
_LONGEST_ADDRESS = 512


class Refusal(Exception):
    """The reply to a command that cannot be obeyed, without its CRLF."""

    def __init__(self, reply: bytes) -> None:
        super().__init__(reply)
        self.reply = reply


def parse_mail(line: bytes, max_size: int) -> tuple[bytes, bool]:
    """The sender (empty for a bounce) of ``MAIL FROM`` and whether SMTPUTF8 was asked for. Raises `Refusal`."""
    found = _MAIL.fullmatch(line)
    if found is None:
        raise Refusal(b"501 5.5.4 Syntax: MAIL FROM:<address> [parameters]")
    utf8 = False
    for parameter in found[2].upper().split():
        name, _, value = parameter.partition(b"=")
        if name == b"SIZE" and value.isdigit():
            if int(value[:20]) > max_size:
                raise Refusal(b"552 5.3.4 Mail is larger than %d bytes" % max_size)
        elif name == b"SMTPUTF8" and not value:
            utf8 = True
        elif not (name == b"BODY" and value in (b"7BIT", b"8BITMIME")):
            raise Refusal(b"555 5.5.4 Unknown parameter of MAIL FROM")
    if found[1]:
        _check(found[1], utf8)
    return found[1], utf8


def parse_rcpt(line: bytes, utf8: bool) -> bytes:
    """The recipient of ``RCPT TO``. Raises `Refusal`."""
    found = _RCPT.fullmatch(line)
    if found is None or not found[1]:
        raise Refusal(b"501 5.5.4 Syntax: RCPT TO:<address>")
    if found[2]:
        raise Refusal(b"555 5.5.4 Unknown parameter of RCPT TO")
    _check(found[1], utf8)
    return found[1]


def _check(address: bytes, utf8: bool) -> None:
    """Refuse what no server on the way could deliver."""
    if len(address) > _LONGEST_ADDRESS:
        raise Refusal(b"501 5.1.3 Address is longer than %d octets" % _LONGEST_ADDRESS)
    if address.isascii():
        return
    if not utf8:
        raise Refusal(b"553 5.6.7 A non-ASCII address needs SMTPUTF8")
    try:
        address.decode()
    except UnicodeDecodeError:
        raise Refusal(b"501 5.1.3 Address is not UTF-8") from None
