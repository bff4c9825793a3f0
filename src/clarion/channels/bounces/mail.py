"""A mail that anybody may have sent, taken apart: its fields and its parts, in time that grows with its size alone.

The standard library's parser looks for every open boundary at every line, so that a mail of a thousand parts within
each other keeps it busy for minutes. Here parts are one level deep, which is what reports have (RFC 6522).
"""

from __future__ import annotations

import base64
import binascii
import quopri
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

#: More is not looked at.
_HEAD_LIMIT: Final = 64 * 1024
_MOST_PARTS: Final = 20

_LINE_END = re.compile(rb"\r?\n")
_EMPTY_LINE = re.compile(rb"\r?\n\r?\n")
_PARAMETER = re.compile(r';\s*([A-Za-z0-9*-]{1,40})\s*=\s*(?:"([^"]{0,200})"|([^\s;"]{1,200}))')


class Part(NamedTuple):
    """A mail, or a part of one."""

    #: The first field of each name, in lower case; unfolded, octets that are not UTF-8 replaced.
    fields: Mapping[str, str]
    body: bytes

    @property
    def kind(self) -> str:
        """Its media type, in lower case."""
        return self.fields.get("content-type", "text/plain").partition(";")[0].strip().lower()

    @property
    def parameters(self) -> dict[str, str]:
        """Those of its media type, names in lower case."""
        found = _PARAMETER.findall(self.fields.get("content-type", "")[:2_000])
        return {name.lower(): quoted or plain for name, quoted, plain in found}

    @property
    def content(self) -> bytes:
        """Its body without the encoding for its way."""
        encoding = self.fields.get("content-transfer-encoding", "").strip().lower()
        if encoding == "quoted-printable":
            return quopri.decodestring(self.body)
        if encoding == "base64":
            try:
                return base64.b64decode(b"".join(self.body.split()))
            except binascii.Error:
                return b""
        return self.body


def read_part(raw: bytes) -> Part:
    """*raw*, of which nothing is believed, as fields and body."""
    if raw.startswith((b"\r\n", b"\n")):
        return Part({}, raw.lstrip(b"\r\n"))
    found = _EMPTY_LINE.search(raw, 0, _HEAD_LIMIT)
    head, body = (raw[: found.start()], raw[found.end() :]) if found else (raw[:_HEAD_LIMIT], b"")
    return Part(read_fields(head), body)


def read_fields(head: bytes) -> dict[str, str]:
    """The fields that *head* has: the first of each name."""
    fields: dict[str, str] = {}
    name, lines = "", list[str]()
    for line in [*_LINE_END.split(head), b""]:
        text = line.decode("utf-8", "replace")
        if text[:1] in (" ", "\t") and name:
            lines.append(text.strip())
            continue
        if name:
            fields.setdefault(name, " ".join(lines))
        before, colon, behind = text.partition(":")
        name, lines = (before.strip().lower(), [behind.strip()]) if colon else ("", [])
    return fields


def parts_of(mail: Part) -> list[Part]:
    """The parts of a mail that has some, at most so many; none of one that has none."""
    boundary = mail.parameters.get("boundary", "")
    if not mail.kind.startswith("multipart/") or not boundary:
        return []
    between = re.compile(
        rb"(?:\A|\r?\n)--" + re.escape(boundary.encode("utf-8", "replace")) + rb"(--)?[ \t]*(?=\r?\n|\Z)"
    )
    parts, start = [], -1
    for found in between.finditer(mail.body):
        if start >= 0:
            parts.append(read_part(_without_line_end(mail.body[start : found.start()])))
        start = found.end()
        if found[1] or len(parts) >= _MOST_PARTS:
            return parts
    if start >= 0:  # cut off before its end
        parts.append(read_part(_without_line_end(mail.body[start:])))
    return parts


def _without_line_end(text: bytes) -> bytes:
    """*text* without the line end that belongs to the boundary before it."""
    return text[2:] if text.startswith(b"\r\n") else text[1:] if text.startswith(b"\n") else text
