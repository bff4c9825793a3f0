"""MJML, compiled to HTML when it is published: what is sent costs nothing more.

The compiler (`mrml`) sees marks in place of Liquid, and what it makes of them is looked at (`clarion.templates.marks`):
a loop that it would empty or move is a mistake, with its line. It passes over elements that it does not know, and ends
the process where elements are nested thousands deep; so what is wrong with elements is found here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from clarion.domain.suggest import did_you_mean
from clarion.templates.errors import TemplateFault, fault
from clarion.templates.marks import Lines, Marked, Restored, mark
from clarion.templates.markup import RAW, Element, Stretch, scan
from clarion.templates.source import Place

#: All elements of MJML 4.
ELEMENTS = frozenset(
    (
        *("mjml", "mj-head", "mj-body", "mj-attributes", "mj-all", "mj-class", "mj-breakpoint", "mj-font"),
        *("mj-preview", "mj-style", "mj-title", "mj-html-attributes", "mj-selector", "mj-html-attribute"),
        *("mj-section", "mj-column", "mj-group", "mj-wrapper", "mj-hero", "mj-text", "mj-button", "mj-image"),
        *("mj-divider", "mj-spacer", "mj-table", "mj-raw", "mj-accordion", "mj-accordion-element"),
        *("mj-accordion-title", "mj-accordion-text", "mj-carousel", "mj-carousel-image", "mj-navbar"),
        *("mj-navbar-link", "mj-social", "mj-social-element"),
    )
)
#: Elements that have elements in them and no words: in the first, tags of Liquid that branch and loop may stand.
_BRANCHING = frozenset(("mj-body", "mj-section", "mj-column", "mj-group", "mj-hero", "mj-navbar", "mj-accordion"))
_BARREN = frozenset(
    (
        *("mjml", "mj-head", "mj-attributes", "mj-wrapper", "mj-social", "mj-carousel", "mj-accordion-element"),
        *("mj-html-attributes", "mj-selector"),
    )
)
#: Where an `mj-raw` would be put before all else that is there.
_HOISTING = frozenset(("mj-column", "mj-hero", "mj-wrapper"))
_DEEPEST = 60
#: A value in single quotes that has double ones within, which the compiler puts around it.
_QUOTES = re.compile(r"""=\s*'[^']*"[^']*'""")
#: What the compiler does not put into elements, and takes out: states, and rules with conditions.
_STAYING = re.compile(
    r"@\w+|::?(?:hover|active|focus(?:-\w+)?|visited|link|target|checked|before|after|first-l\w+|placeholder)\b"
)
_INLINE = re.compile(r"""\binline\s*=\s*["']?inline\b""", re.IGNORECASE)
_POSITION = re.compile(r" in root template(?: at position (\d+):\d+)?")
_CODE = "template_syntax"


class Compiled(NamedTuple):
    """HTML with Liquid in it, and where each tag of that comes from."""

    html: str
    places: tuple[tuple[int, Place], ...]


def compile_mjml(lines: Lines) -> Compiled | list[TemplateFault]:
    """*lines*, a whole document of MJML, as HTML; or what is wrong with it."""
    marked = mark(lines)
    faults = list(_Structure(marked, lines).faults())
    if faults:
        return faults
    import mrml  # only where there is MJML

    options = mrml.ParserOptions(include_loader=mrml.noop_loader())
    try:
        # Without fonts of its own: it would have every mail fetch some from elsewhere.
        html = mrml.to_html(marked.text, options, mrml.RenderOptions(fonts={})).content
    except OSError as error:
        said, detail = _POSITION.search(str(error)), _POSITION.sub("", str(error))
        at = len(marked.text.encode()[: int(said[1])].decode("utf-8", "ignore")) if said and said[1] else 0
        file, line = lines.place(marked.origin(at))
        return [fault(file, line if at else None, f"this is no MJML: {detail}", _CODE)]
    restored = marked.restored(html)
    return lost(restored) or Compiled(restored.text, restored.places)


def lost(restored: Restored) -> list[TemplateFault]:
    """What is wrong with tags of Liquid that did not come back as they were."""
    faults = [
        fault(*tag.place, f"`{tag.text[:60]}` cannot stand here: what comes of it would not be in the mail", _CODE)
        for tag in restored.gone
    ]
    return faults or [
        fault(*tag.place, f"`{tag.text[:60]}` cannot stand here: what it goes around would be elsewhere", _CODE)
        for tag in restored.moved
    ]


class _Structure:
    """Goes through the elements of a document; what is wrong with them ends it."""

    def __init__(self, marked: Marked, lines: Lines) -> None:
        self._marked = marked
        self._lines = lines
        self._open: list[Element] = []

    def faults(self) -> Iterator[TemplateFault]:
        marks = list(self._marked.found(self._marked.text))
        seen: set[str] = set()
        for piece in scan(self._marked.text):
            while marks and marks[0][0] < piece.start:
                yield from self._mark(marks.pop(0))
            while marks and marks[0][0] < piece.end:
                marks.pop(0)  # within an element's own tag
            if isinstance(piece, Stretch):
                yield from self._words(piece)
                continue
            seen.add(piece.name)
            found = list(self._closing(piece) if piece.closes else self._opening(piece))
            yield from found
            if found:
                return
        for number in marks:
            yield from self._mark(number)
        if self._open:
            yield self._fault(self._open[-1].start, f"`{self._open[-1].name}` is never closed")
        elif not {"mjml", "mj-body"} <= seen:
            detail = (
                "a document of MJML is <mjml>, with <mj-body> in it; what has a `layout` is only what goes into that"
            )
            yield self._fault(0, detail)

    def _opening(self, element: Element) -> Iterator[TemplateFault]:
        name, parent = element.name, self._open[-1].name if self._open else ""
        if name.startswith("mj") and name not in ELEMENTS:
            yield self._fault(element.start, f"there is no element `{name}`; {did_you_mean(name, ELEMENTS)}")
        elif not parent and name != "mjml":
            yield self._fault(element.start, f"`{name}` stands outside of <mjml>")
        elif parent in _BRANCHING | _BARREN and not name.startswith("mj"):
            yield self._fault(element.start, f"`{name}` cannot stand right inside `{parent}`: put it into an mj-text")
        elif _QUOTES.search(element.attributes):
            yield self._fault(element.start, f"a value of `{name}` has double quotes within: write &quot; for them")
        elif len(self._open) >= _DEEPEST:
            yield self._fault(element.start, f"elements are nested deeper than {_DEEPEST}")
        elif not element.alone:
            self._open.append(element)

    def _closing(self, element: Element) -> Iterator[TemplateFault]:
        if self._open and self._open[-1].name == element.name:
            self._open.pop()
        elif not self._open:
            yield self._fault(element.start, f"</{element.name}> closes nothing")
        else:
            last = self._open[-1]
            line = self._lines.place(self._marked.origin(last.start)).line
            yield self._fault(element.start, f"</{element.name}> comes before `{last.name}` of line {line} is closed")

    def _words(self, words: Stretch) -> Iterator[TemplateFault]:
        parent = self._open[-1].name if self._open else ""
        text = self._marked.text[words.start : words.end]
        if parent == "mj-style" and _INLINE.search(self._open[-1].attributes) and (stays := _STAYING.search(text)):
            detail = f"`{stays[0]}` cannot be put into elements: write it in an mj-style without `inline`"
            yield self._fault(words.start + stays.start(), detail)
        if text.strip() and (not parent or parent in _BRANCHING | _BARREN):
            at = words.start + len(text) - len(text.lstrip())
            yield self._fault(at, f"words cannot stand right inside `{parent or 'the file'}`: put them into an mj-text")

    def _mark(self, found: tuple[int, int, int]) -> Iterator[TemplateFault]:
        tag = self._marked.tags[found[2]]
        parent = self._open[-1].name if self._open else ""
        above = self._open[-2].name if len(self._open) > 1 else ""
        where = f"`{tag.text[:60]}` cannot stand right inside `{parent or 'the file'}`"
        if parent in _BRANCHING and tag.prints:
            yield fault(*tag.place, f"{where}: put it into an mj-text", _CODE)
        elif not parent or (parent in _BARREN and parent not in RAW):
            yield fault(*tag.place, f"{where}: only inside {', '.join(sorted(_BRANCHING))}, or among words", _CODE)
        elif parent == "mj-raw" and above in _HOISTING:
            yield fault(*tag.place, f"an mj-raw inside `{above}` comes before all else there: leave it out", _CODE)

    def _fault(self, at: int, detail: str) -> TemplateFault:
        return fault(*self._lines.place(self._marked.origin(at)), detail, _CODE)
