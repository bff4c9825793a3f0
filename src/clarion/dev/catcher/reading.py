"""A caught mail taken apart for reading. Whatever arrived, however broken, gives something to look at."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.errors import HeaderParseError, MessageError
from email.header import decode_header
from email.message import Message

#: Pictures that a mail may show from its own parts.
_PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/svg+xml"})
_HEAD_TAG = re.compile(r"<head(?:\s[^>]*)?>", re.IGNORECASE)
_CID = re.compile(r"""cid:([^\s"'()<>]+)""", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A part of a mail that is not its text."""

    index: int
    filename: str
    content_type: str
    content_id: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A mail's words, decoded. Nothing here is safe to show without escaping."""

    #: In their order, decoded; the same name may come more than once.
    headers: tuple[tuple[str, str], ...]
    html: str | None
    text: str | None
    attachments: tuple[Attachment, ...]

    def header(self, name: str) -> str:
        """The first header of that name, or ""."""
        return next((value for key, value in self.headers if key.lower() == name), "")

    def html_page(self) -> str:
        """The HTML for a sandboxed frame: pictures of the mail itself inlined, links open in a new tab."""
        pictures = {one.content_id: one for one in self.attachments if one.content_type in _PICTURES}

        def inlined(found: re.Match[str]) -> str:
            picture = pictures.get(found[1])
            if picture is None:
                return found[0]
            return f"data:{picture.content_type};base64,{base64.b64encode(picture.content).decode()}"

        html = _CID.sub(inlined, self.html or "")
        base = '<base target="_blank">'
        return _HEAD_TAG.sub(lambda head: head[0] + base, html, count=1) if _HEAD_TAG.search(html) else base + html


def read(raw: bytes) -> Reading:
    """Take a mail apart."""
    try:
        message = message_from_bytes(raw)
        parts = list(_leaves(message))
    except (MessageError, RecursionError, ValueError):  # nested beyond reason
        return Reading(headers=(), html=None, text=raw.decode(errors="replace"), attachments=())
    html = text = None
    attachments: list[Attachment] = []
    for part in parts:
        kind = part.get_content_type()
        attached = (part.get_content_disposition() or "") == "attachment"
        if kind == "text/plain" and text is None and not attached:
            text = _text(part)
        elif kind == "text/html" and html is None and not attached:
            html = _text(part)
        else:
            attachments.append(_attachment(part, len(attachments)))
    headers = tuple((name, decode(_utf8(value))) for name, value in message.raw_items())
    return Reading(headers=headers, html=html, text=text, attachments=tuple(attachments))


def decode(value: str) -> str:
    """A header's value with its folds and encoded words (RFC 2047) undone; as it is where they are broken."""
    value = re.sub(r"\r?\n(?=[ \t])", "", value).strip()
    if "=?" not in value:
        return value
    try:
        pieces = decode_header(value)
        return "".join(
            piece if isinstance(piece, str) else piece.decode(charset or "utf-8", "replace")
            for piece, charset in pieces
        )
    except (HeaderParseError, LookupError, ValueError):
        return value


def _leaves(message: Message) -> Iterator[Message]:
    """The parts that are no containers; an attached mail counts as one part."""
    if message.get_content_maintype() == "multipart" and message.is_multipart():
        for part in message.get_payload():
            assert isinstance(part, Message)
            yield from _leaves(part)
    else:
        yield message


def _text(part: Message) -> str:
    content = _content(part)
    try:
        return content.decode(part.get_content_charset() or "utf-8", "replace")
    except LookupError:
        return content.decode(errors="replace")


def _content(part: Message) -> bytes:
    if part.is_multipart():  # an attached mail
        return b"".join(one.as_bytes() for one in part.get_payload() if isinstance(one, Message))
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _attachment(part: Message, index: int) -> Attachment:
    try:
        filename = decode(_utf8(part.get_filename() or ""))
    except (ValueError, LookupError):
        filename = ""
    return Attachment(
        index=index,
        filename=filename or f"part-{index + 1}",
        content_type=part.get_content_type(),
        content_id=_utf8(str(part.get("Content-ID", ""))).strip().strip("<>"),
        content=_content(part),
    )


def _utf8(value: object) -> str:
    """A header as the parser gives it, where raw bytes hide as surrogates, as the UTF-8 it most likely is."""
    return str(value).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
