"""Where in HTML or MJML words stand: what is between tags, and within which element."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

#: Elements that nothing closes.
VOID = frozenset(("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"))
#: Elements in which a comment would be words, or no comment.
RAW = frozenset(("title", "style", "script", "textarea", "mj-title", "mj-preview", "mj-style"))

_TOKEN = re.compile(
    r"<!--.*?(?:-->|\Z)|<[!?][^>]*+(?:>|\Z)"
    r"|<(?P<close>/)?(?P<name>[A-Za-z][\w:-]*+)(?P<attributes>(?:[^>\"']|\"[^\"]*+\"|'[^']*+')*+)(?:>|\Z)",
    re.DOTALL,
)


class Element(NamedTuple):
    """A tag of an element."""

    name: str
    start: int
    end: int
    closes: bool
    #: Whether nothing will close it.
    alone: bool
    attributes: str


class Stretch(NamedTuple):
    """Words between two tags."""

    start: int
    end: int


def scan(markup: str) -> Iterator[Element | Stretch]:
    """Tags and the words between them, in order; comments and declarations are left out."""
    at = 0
    for found in _TOKEN.finditer(markup):
        if found.start() > at:
            yield Stretch(at, found.start())
        at = found.end()
        if found["name"]:
            name, attributes = found["name"].lower(), found["attributes"]
            alone = name in VOID or attributes.endswith("/")
            yield Element(name, found.start(), found.end(), bool(found["close"]), alone, attributes)
    if at < len(markup):
        yield Stretch(at, len(markup))


def words(markup: str) -> list[Stretch]:
    """The stretches in which a comment may stand: those outside of `RAW` elements."""
    found: list[Stretch] = []
    within = 0
    for piece in scan(markup):
        if isinstance(piece, Stretch):
            if not within:
                found.append(piece)
        elif piece.name in RAW and not piece.alone:
            within = max(within + (-1 if piece.closes else 1), 0)
    return found
