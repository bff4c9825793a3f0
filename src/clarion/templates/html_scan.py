"""HTML cut into text and tags, in one pass whatever the input.

The standard library's `html.parser` took 1.4 s for 12 kB of ``<a `` (CPython 3.11: it looks for the end of a tag again
from each start) and asserts on ``<![``; here nothing is looked at twice. Where HTML is broken this follows what
browsers do (WHATWG HTML §13.2.5): a tag or comment that never ends swallows the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from html.entities import html5
from typing import NamedTuple

_NAME = re.compile(r"[a-zA-Z][^\s/>]*")
_RUN = re.compile(r"[^>\"']*")
_ATTRIBUTE = re.compile(r"([^\s=/\"'>][^\s=/>]*)(?:\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s>]*))?")
#: Their content is no HTML.
_RAW = {name: re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE) for name in ("script", "style", "textarea", "title")}
_REFERENCE = re.compile(r"&(?:#[xX]?[0-9a-fA-F]+;?|([a-zA-Z][a-zA-Z0-9]*)([;=]?))")
#: Longer than any code point: Python refuses to read numbers of thousands of digits.
_ENDLESS_NUMBER = re.compile(r"&#(?:\d{10,}|[xX][0-9a-fA-F]{10,});?")


class Piece(NamedTuple):
    """A stretch of text, or a tag."""

    #: ``text``, ``open`` or ``close``.
    kind: str
    #: The text as written (entities and all), or the tag's name in lower case.
    value: str
    #: What follows the name in an opening tag.
    attributes: str = ""


def scan(html: str) -> Iterator[Piece]:
    """The pieces of *html* in order; comments, declarations and the content of scripts and styles are left out."""
    at, end = 0, len(html)
    while at < end:
        start = html.find("<", at)
        if start < 0:
            yield Piece("text", html[at:])
            return
        if start > at:
            yield Piece("text", html[at:start])
        following = html[start + 1 : start + 2]
        if following in ("!", "?"):
            at = _after_comment(html, start)
            continue
        closing = following == "/"
        name = _NAME.match(html, start + 2 if closing else start + 1)
        if name is None:
            if closing:
                at = _after_comment(html, start)
            else:
                yield Piece("text", "<")
                at = start + 1
            continue
        stop = _tag_end(html, name.end())
        if stop < 0:
            return
        tag = name[0].lower()
        yield Piece("close" if closing else "open", tag, html[name.end() : stop])
        at = stop + 1
        if not closing and tag in _RAW:
            raw = _RAW[tag].search(html, at)
            at = raw.start() if raw else end


def attributes(source: str) -> dict[str, str]:
    """The attributes in *source* by lower-case name, entities decoded; of two with one name the first counts."""
    found: dict[str, str] = {}
    for match in _ATTRIBUTE.finditer(source):
        value = match[2] or ""
        if value[:1] in ('"', "'"):
            value = value[1:-1] if len(value) > 1 and value[-1] == value[0] else value
        found.setdefault(match[1].lower(), decode_attribute(value))
    return found


def raw_attributes(source: str) -> Iterator[tuple[str, str]]:
    """The attributes in *source* with their values as written, quotes and all."""
    for match in _ATTRIBUTE.finditer(source):
        yield match[1].lower(), match[2] or ""


def decode(text: str) -> str:
    """*text* with its entities as characters."""
    if "&" not in text:
        return text
    return unescape(_ENDLESS_NUMBER.sub("\ufffd", text) if "&#" in text else text)


def decode_attribute(value: str) -> str:
    """The *value* of an attribute with its entities as characters.

    Otherwise than among words, a name that no semicolon ends is none where a letter, a digit or ``=`` follows (WHATWG
    HTML §13.2.5.73): ``?a=1&timestamp=2`` is an address with a ``timestamp`` and has no multiplication sign in it.
    """
    return _REFERENCE.sub(_referred, value) if "&" in value else value


def _referred(found: re.Match[str]) -> str:
    name, end = found.groups()
    if name is None:
        return decode(found[0])
    return found[0] if end == "=" else html5.get(name + end, found[0])


def _after_comment(html: str, start: int) -> int:
    """Where the comment or declaration at *start* is over."""
    mark = "-->" if html.startswith("<!--", start) else ">"
    stop = html.find(mark, start + 2)
    return len(html) if stop < 0 else stop + len(mark)


def _tag_end(html: str, at: int) -> int:
    """Where the ``>`` of a tag is, after its name; those within quotes do not count. -1 when there is none."""
    while True:
        run = _RUN.match(html, at)
        at = run.end() if run else at
        if at >= len(html):
            return -1
        if html[at] == ">":
            return at
        at = html.find(html[at], at + 1)
        if at < 0:
            return -1
        at += 1
