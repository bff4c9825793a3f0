"""The text twin of HTML that has holes: converted once, with marks where the values will stand."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from clarion.templates.html_scan import raw_attributes, scan
from clarion.templates.html_text import LINKS, Converter, to_text
from clarion.templates.program import Program

_BEGIN, _END = "\ue000", "\ue001"
_MARK = re.compile(f"{_BEGIN}(\\d+){_END}")
#: Where a value could become part of a tag, a comment's end or an entity: there no mark can stand for it.
_BRITTLE = re.compile(f"[<&][#/!?\\w-]*{_BEGIN}|{_END}-?>")


@dataclass(frozen=True, slots=True)
class Twin:
    """How to get the text of a program's HTML."""

    #: Text, and the numbers of the holes whose values stand between; None: convert the HTML each time.
    parts: tuple[str | int, ...] | None

    def text(self, html: str, values: Sequence[str] | None) -> str:
        """The text of *html*, which the program made with *values* in its holes; None when it has more than holes."""
        if self.parts is None or values is None or not all(map(_is_simple, values)):
            return to_text(html)
        return "".join([values[part] if type(part) is int else part for part in self.parts])  # type: ignore[misc]


def twin_of(program: Program) -> Twin:
    """The twin of *program*, which gives HTML."""
    if program.steps or any(_BEGIN in part or _END in part for part in program.parts):
        return Twin(None)
    numbers: dict[object, int] = {}
    marked = list(program.parts)
    for number, (index, hole) in enumerate(program.holes):
        # The same expression has the same value, so it gets the same mark: a link can tell that it shows its address.
        marked[index] = f"{_BEGIN}{numbers.setdefault((hole.name, hole.default), number)}{_END}"
    html = "".join(marked)
    if _BRITTLE.search(html) or any(_BEGIN in piece.value for piece in scan(html) if piece.kind != "text"):
        return Twin(None)
    converter = _Marked()
    text = converter.convert(html)
    if converter.brittle:
        return Twin(None)
    return Twin(tuple(int(part) if odd % 2 else part for odd, part in enumerate(_MARK.split(text))))


def _is_simple(value: str) -> bool:
    """Whether the conversion would leave *value* as it is: words with one space between them, and not HTML."""
    return bool(value) and not isinstance(value, Markup) and value == " ".join(value.split())


class _Marked(Converter):
    """Notices where the result would depend on what a value is."""

    def __init__(self) -> None:
        super().__init__()
        self.brittle = False

    def open(self, name: str, source: str) -> None:
        if _BEGIN in source:
            self._look(name, source)
        super().open(name, source)

    def same(self, words: str, address: str) -> bool:
        if _BEGIN not in words and _BEGIN not in address:
            return super().same(words, address)
        if words == address:
            return True
        bare = address.partition("//")[2] or address
        if _could_equal(words, address) or _could_equal(words, bare):
            self.brittle = True
        return False

    def _look(self, name: str, source: str) -> None:
        found = 0
        for attribute, value in raw_attributes(source):
            if _BEGIN in attribute or (_BEGIN in value and (value[0] not in "\"'" or attribute in ("style", "hidden"))):
                self.brittle = True
            if name == "a" and attribute == "href" and _BEGIN in value:
                self._look_at_link(value[1:].lstrip().lower())
            found += value.count(_BEGIN)
        if found != source.count(_BEGIN):
            self.brittle = True

    def _look_at_link(self, href: str) -> None:
        before = href.partition(_BEGIN)[0]
        if before.startswith("mailto:") or any(scheme.startswith(before) for scheme in LINKS):
            self.brittle = True


def _could_equal(one: str, other: str) -> bool:
    """Whether two texts with marks may be the same for some values: where both are literal, they are."""
    one, other = one.partition(_BEGIN)[0], other.partition(_BEGIN)[0]
    length = min(len(one), len(other))
    return one[:length] == other[:length]
