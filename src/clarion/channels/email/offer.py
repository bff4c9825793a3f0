"""What a server says it can do, in its answer to EHLO."""

from __future__ import annotations

from dataclasses import dataclass

from aiosmtplib.esmtp import parse_esmtp_extensions


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """The extensions of one server that matter to us."""

    starttls: bool = False  #: RFC 3207
    pipelining: bool = False  #: RFC 2920
    eight_bit: bool = False  #: 8BITMIME, RFC 6152
    smtputf8: bool = False  #: RFC 6531
    #: RFC 1870: whether MAIL takes SIZE=…, and the most octets a message may have; 0 means no limit is named.
    takes_size: bool = False
    size: int = 0
    #: The AUTH mechanisms, lower case (RFC 4954).
    auth: frozenset[str] = frozenset()


def parse_offer(text: str) -> Offer:
    """The offer in the reply *text* to EHLO, its lines joined by line feeds."""
    extensions, mechanisms = parse_esmtp_extensions(text)
    size = extensions.get("size", "").strip()
    return Offer(
        starttls="starttls" in extensions,
        pipelining="pipelining" in extensions,
        eight_bit="8bitmime" in extensions,
        smtputf8="smtputf8" in extensions,
        takes_size="size" in extensions,
        size=int(size) if size.isdecimal() and len(size) < 20 else 0,
        auth=frozenset(mechanisms),
    )
