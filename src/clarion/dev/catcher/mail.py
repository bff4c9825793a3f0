"""One caught mail, as it lies in the spool.

A mail is one record: a head of fixed size, a summary (sender, recipients, Message-ID, subject), the mail itself::

    magic  summary length  mail length  received at (ms)  │ summary │ mail │
    4 s    u32             u32          u64

The summary is what lists and searches need, so they read some hundred bytes of a mail and not all of it.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

HEAD = struct.Struct("<4sIIQ")
MAGIC = b"CMl1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What is known of a mail without parsing it. All bytes are as they came over the wire, headers folded."""

    id: int
    received_at_ms: int
    mail_from: bytes
    recipients: tuple[bytes, ...]
    message_id: bytes
    subject: bytes
    #: Bytes of the mail itself.
    size: int


def pack(mail_from: bytes, recipients: Sequence[bytes], raw: bytes, received_at_ms: int) -> tuple[list[bytes], bytes]:
    """The parts of a record, and the mail's Message-ID (empty when it has none).

    No address contains a line feed: the SMTP side has seen to that.
    """
    end = raw.find(b"\r\n\r\n")
    headers = b"\r\n" + (raw if end < 0 else raw[:end])
    lowered = headers.lower()
    message_id = _header(headers, lowered, b"\r\nmessage-id:")
    subject = _header(headers, lowered, b"\r\nsubject:")
    summary = b"\n".join((mail_from, message_id, subject, *recipients))
    return [HEAD.pack(MAGIC, len(summary), len(raw), received_at_ms), summary, raw], message_id


def unpack_head(head: bytes) -> tuple[int, int, int] | None:
    """Length of the summary, length of the mail, time received; None when this is not the head of a record."""
    if len(head) < HEAD.size:
        return None
    magic, summary, mail, at = HEAD.unpack(head[: HEAD.size])
    return (summary, mail, at) if magic == MAGIC else None


def unpack_summary(id: int, summary: bytes, size: int, at: int) -> Summary:
    """The summary of mail *id*, of which *size* and *at* stood in the head."""
    mail_from, message_id, subject, *recipients = summary.split(b"\n")
    return Summary(
        id=id,
        received_at_ms=at,
        mail_from=mail_from,
        recipients=tuple(recipients),
        message_id=message_id,
        subject=subject,
        size=size,
    )


def _header(headers: bytes, lowered: bytes, name: bytes) -> bytes:
    """The first header of that *name* with its folds taken out (RFC 5322 §2.2.3); empty when there is none.

    By `bytes.find`: a regular expression over the same took ten times as long, for every mail that arrives.
    """
    start = lowered.find(name)
    if start < 0:
        return b""
    start += len(name)
    end = headers.find(b"\r\n", start)
    while end >= 0 and headers[end + 2 : end + 3] in (b" ", b"\t"):
        end = headers.find(b"\r\n", end + 2)
    value = headers[start:] if end < 0 else headers[start:end]
    return value.replace(b"\r\n", b"").replace(b"\n", b"").strip()
