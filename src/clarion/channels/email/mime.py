"""A mail as the octets that SMTP carries: text and HTML, assembled by hand.

The standard library's builder makes 860 of these in a second, this one some 60,000 or more; its parser is what this
file is tested against.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, NamedTuple

from clarion.channels.base import Email
from clarion.channels.email import body, header
from clarion.domain.address import parse_email, parse_sender

if TYPE_CHECKING:
    from clarion.channels.email.dkim_key import DkimKey

#: How many different senders are kept parsed; a project has a handful.
_SENDERS_KEPT = 256


class Letter(NamedTuple):
    """One mail ready to be handed over: an envelope and what is in it."""

    #: The bare addresses of the envelope.
    sender: str
    recipient: str
    #: The message: CRLF line ends, the last line ended, dots not yet doubled.
    data: bytes
    #: Whether an address needs the SMTPUTF8 extension (RFC 6531).
    smtputf8: bool
    #: Whether the message has octets above 127, so that the server must offer 8BITMIME (RFC 6152).
    eight_bit: bool
    #: What is to sign it before it is handed over; none where it is signed, or is not to be.
    keys: Sequence[DkimKey] = ()
    #: What follows `data` in the message, shared by many letters: files in base64, with no line that begins with a dot.
    more: bytes = b""

    @property
    def size(self) -> int:
        """Octets of the message."""
        return len(self.data) + len(self.more)

    def whole(self) -> bytes:
        """The message in one piece."""
        return self.data + self.more if self.more else self.data


@dataclass(frozen=True, slots=True)
class _Sender:
    address: str
    domain: str
    #: The body of the From field.
    field: str


class Builder:
    """Builds letters. One Message-ID per message, the same at every attempt: ``<msg_…@domain>``."""

    def __init__(self, *, message_id_domain: str | None = None) -> None:
        """*message_id_domain* stands right of the @ in a Message-ID; None takes the sender's own domain."""
        self._message_id_domain = message_id_domain
        self._senders: dict[str, _Sender] = {}
        self._second = -1
        self._date = ""

    def sender(self, text: str) -> tuple[str, str]:
        """The bare address and the domain of the sender *text*. Raises `Invalid` as `parse_sender` does."""
        found = self._sender(text)
        return found.address, found.domain

    def build(self, mail: Email, now: datetime, *, eight_bit: bool) -> Letter:
        """The letter for *mail*, dated *now*, for a server that does or does not take *eight_bit* octets.

        Raises `Invalid` for an address, a header or a text that cannot be sent (``invalid_email``,
        ``invalid_header``, ``invalid_text``).
        """
        sender = self._sender(mail.sender)
        to = parse_email(mail.to)
        utf8 = not (to.isascii() and sender.address.isascii())
        content = mail.content
        hex_id = mail.message_id.hex
        extra = "".join([header.extra_field(name, value) for name, value in mail.headers]) if mail.headers else ""
        head = (
            f"From: {sender.field}\r\n"
            f"To: {header.mailbox(2, mail.to_name, to)}\r\n"
            f"Subject: {header.text(7, content.subject)}\r\n"
            f"Date: {self._dated(now)}\r\n"
            f"Message-ID: <msg_{hex_id}@{self._message_id_domain or sender.domain}>\r\n"
            "MIME-Version: 1.0\r\n"
            "Auto-Submitted: auto-generated\r\n"
            f"{extra}"
        ).encode()
        encoding, text = body.encode(content.text, eight_bit=eight_bit)
        if content.html is None:
            part = f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
            end = b"" if text.endswith(b"\r\n") else b"\r\n"
            words, root = b"".join((part.encode(), text, end)), "text/plain"
        else:
            html_encoding, page = body.encode(content.html, eight_bit=eight_bit)
            # Never more for the whole than one of its parts needs (RFC 2045 §6.4).
            whole = "8bit" if "8bit" in (encoding, html_encoding) else "7bit"
            words, root = _alternatives(hex_id, whole, (encoding, text), (html_encoding, page)), "multipart/alternative"
            encoding = whole
        enclosed = mail.enclosed
        if enclosed is None:
            return Letter(sender.address, to, head + words, utf8, encoding == "8bit")
        opening = enclosed.opening("8bit" if encoding == "8bit" else "7bit", root)
        return Letter(
            sender.address, to, b"".join((head, opening, words)), utf8, encoding == "8bit", more=enclosed.tail
        )

    def _sender(self, text: str) -> _Sender:
        found = self._senders.get(text)
        if found is None:
            name, address = parse_sender(text)
            found = _Sender(address, address.rpartition("@")[2], header.mailbox(4, name, address))
            if len(self._senders) >= _SENDERS_KEPT:
                self._senders.clear()
            self._senders[text] = found
        return found

    def _dated(self, now: datetime) -> str:
        """*now* as RFC 5322 §3.3 wants it; formatted once a second."""
        second = int(now.timestamp())
        if second != self._second:
            self._date = format_datetime(datetime.fromtimestamp(second, UTC))
            self._second = second
        return self._date


def _alternatives(hex_id: str, whole: str, text_part: tuple[str, bytes], html_part: tuple[str, bytes]) -> bytes:
    """The fields and body of a mail that says the same as text and as HTML (RFC 2046 §5.1.4), encoded as *whole*."""
    (text_encoding, text), (html_encoding, page) = text_part, html_part
    boundary = f"=_{hex_id}"
    mark = boundary.encode()
    while mark in text or mark in page:
        boundary += "_"
        mark = boundary.encode()
    return b"".join(
        (
            (
                f'Content-Type: multipart/alternative; boundary="{boundary}"\r\n'
                f"Content-Transfer-Encoding: {whole}\r\n\r\n--{boundary}\r\n"
                f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {text_encoding}\r\n\r\n"
            ).encode(),
            text,
            (
                f"\r\n--{boundary}\r\n"
                f"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: {html_encoding}\r\n\r\n"
            ).encode(),
            page,
            f"\r\n--{boundary}--\r\n".encode(),
        )
    )
