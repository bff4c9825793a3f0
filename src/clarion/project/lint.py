"""What mail programs make of HTML that is right by itself: warnings, which stand in nobody's way."""

from __future__ import annotations

import re
from collections.abc import Iterator

from clarion.project.mistake import Mistake, Severity
from clarion.templates.markup import Element, scan
from clarion.templates.source import Bundle, Part

#: Gmail shows no more of a mail's HTML, and hides the rest behind a link.
CLIPPED = 102 * 1024
#: Elements that mail programs take out.
_TAKEN_OUT = frozenset(("script", "form", "iframe", "object", "embed", "audio", "video"))
_ALT = re.compile(r"\balt\s*=", re.IGNORECASE)
_SOURCE = re.compile(
    r"""\b(?:src|href)\s*=\s*["']?\s*(?P<url>(?!(?:https?:|mailto:|tel:|sms:|cid:|data:|#|\{)|["'>\s])[^"'>\s]+)""",
    re.IGNORECASE,
)
_SHEET = re.compile(r"""\brel\s*=\s*["']?stylesheet""", re.IGNORECASE)


def lint(bundle: Bundle) -> Iterator[Mistake]:
    """What may not be as meant in the HTML of the templates in *bundle*."""
    for source in bundle.templates.values():
        for part in source.parts:
            if part.kind == "html":
                yield from _size(part, bundle)
                yield from _elements(part)
    for source in bundle.layouts.values():
        for part in source.parts:
            if part.kind == "html":
                yield from _elements(part)


def _size(part: Part, bundle: Bundle) -> Iterator[Mistake]:
    layout = bundle.layouts.get(str(part.matter.get("layout", "")))
    around = max((len(one.text.encode()) for one in layout.parts if one.kind == "html"), default=0) if layout else 0
    size = len(part.text.encode()) + around
    if size > CLIPPED:
        message = f"its HTML has {size // 1024} KiB before anything is filled in: Gmail cuts off what is above 102"
        yield _warning(part, None, message, "shorten it, or move pictures out of it")


def _elements(part: Part) -> Iterator[Mistake]:
    for piece in scan(part.text):
        if not isinstance(piece, Element) or piece.closes:
            continue
        if piece.name in _TAKEN_OUT:
            yield _warning(
                part, piece.start, f"mail programs take `{piece.name}` out", "say it in words, or link to it"
            )
        elif piece.name == "img" and not _ALT.search(piece.attributes):
            hint = 'say what it shows, alt="…", or alt="" where it is decoration'
            yield _warning(part, piece.start, "a picture without `alt` is nothing to who does not see it", hint)
        elif piece.name == "link" and _SHEET.search(piece.attributes):
            hint = "put the rules into a <style>, and `css: inline` into the front matter"
            yield _warning(part, piece.start, "mail programs do not fetch style sheets", hint)
        if piece.name in ("img", "a") and (found := _SOURCE.search(piece.attributes)):
            message = f"`{found['url'][:60]}` leads nowhere from within a mail"
            yield _warning(part, piece.start, message, "write the whole address, with https://")


def _warning(part: Part, at: int | None, message: str, hint: str) -> Mistake:
    line = None if at is None or part.places else part.place(at).line
    return Mistake(file=part.file, line=line, message=message, hint=hint, severity=Severity.WARNING)
