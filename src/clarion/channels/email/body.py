"""Bodies of a mail: text as octets that every server on the way carries unchanged."""

from __future__ import annotations

from binascii import b2a_base64
from itertools import chain
from struct import Struct

from clarion.channels.email.header import HARD_LINE
from clarion.errors import Invalid

#: RFC 2045 §6.8: base64 in lines of at most 76 characters.
_LINE = Struct("76s")
_BLOCK = Struct("76s" * 16)


def encode(text: str, *, eight_bit: bool) -> tuple[str, bytes]:
    """The Content-Transfer-Encoding for *text* and its octets, lines ended by CRLF.

    Lines of at most 998 octets go as they are: ASCII always, other text where the server takes *eight_bit* octets
    (8BITMIME, RFC 6152). Everything else goes in base64. Quoted-printable would be 30 % smaller for Latin text, but the
    standard library takes 40 µs for 5 kB of it, three times as long as for base64, and it is several times larger for
    other scripts.

    Raises `Invalid` (``invalid_text``) where *text* holds a lone surrogate.
    """
    try:
        data = _canonical(text.encode())
    except UnicodeEncodeError as error:
        raise Invalid(
            f"The mail's text holds half of a character (U+{ord(text[error.start]):04X}), which cannot be sent",
            code="invalid_text",
        ) from None
    ascii = data.isascii()
    if (ascii or eight_bit) and b"\0" not in data and not _has_long_line(data):
        return ("7bit" if ascii else "8bit"), data
    return "base64", in_lines(b2a_base64(data, newline=False))


def _canonical(data: bytes) -> bytes:
    """Line ends as CRLF, whichever of CRLF, CR and LF they were."""
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return data.replace(b"\n", b"\r\n")


def _has_long_line(data: bytes) -> bool:
    """Whether a line has more than 998 octets; looks at one line end per 998 octets only."""
    start, end = 0, len(data)
    while end - start > HARD_LINE:
        # A line of exactly 998 is followed by CRLF, so its LF is at most 999 further on.
        start = data.rfind(b"\n", start, start + HARD_LINE + 2) + 1
        if not start:
            return True
    return False


def in_lines(data: bytes) -> bytes:
    """*data*, which is base64, in lines."""
    whole = len(data) - len(data) % _BLOCK.size
    rest = len(data) - len(data) % _LINE.size
    view = memoryview(data)
    lines = list(chain.from_iterable(_BLOCK.iter_unpack(view[:whole])))
    lines.extend(chain.from_iterable(_LINE.iter_unpack(view[whole:rest])))
    if rest < len(data):
        lines.append(data[rest:])
    return b"\r\n".join(lines)
