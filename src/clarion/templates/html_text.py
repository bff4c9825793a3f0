"""HTML as plain text that reads well: the twin of a mail that was written as HTML only."""

from __future__ import annotations

import re

from clarion.templates.html_scan import Piece, attributes, decode, scan
from clarion.templates.text_writer import TextWriter

#: Elements that are not for reading.
_SKIPPED = frozenset(("head", "script", "style", "title", "template", "svg", "textarea", "select", "object"))
_HIDING = re.compile(r"display:none|visibility:hidden|mso-hide:all|max-height:0(?![.1-9])|opacity:0(?![.1-9])")
_VOID = frozenset(
    ("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr")
)
#: How many line ends stand before and after an element: 2 leaves a blank line.
_BLOCKS = dict.fromkeys(
    [
        *("address", "article", "aside", "body", "caption", "center", "dd", "details", "div", "dt", "fieldset"),
        *("figcaption", "footer", "form", "header", "html", "li", "main", "nav", "section", "summary"),
        *("table", "tbody", "tfoot", "thead", "tr"),
    ],
    1,
) | dict.fromkeys(["blockquote", "dl", "figure", "h1", "h2", "h3", "h4", "h5", "h6", "ol", "p", "pre", "ul"], 2)
#: Addresses worth showing.
LINKS = ("http://", "https://", "tel:", "mailto:")


def to_text(html: str) -> str:
    """*html* as text: paragraphs, lists, rows of tables, links as ``words (address)``, images as their `alt`.

    Takes time in proportion to the length of *html*, whatever is in it.
    """
    return Converter().convert(html)


def strip_tags(html: str) -> str:
    """The text between the tags of *html*, as it stands."""
    return "".join(piece.value for piece in scan(html) if piece.kind == "text")


class Converter:
    """One conversion. Subclasses may watch the tags and links that go by."""

    def __init__(self) -> None:
        self._writer = TextWriter()
        #: The element being skipped, and how many of its name are open within.
        self._skipped = ""
        self._depth = 0
        #: The address of the link that is open, and where its words begin.
        self._link: tuple[str, int] | None = None

    def convert(self, html: str) -> str:
        """*html* as text; see `to_text`."""
        for piece in scan(html):
            if self._skipped:
                self._skip(piece)
            elif piece.kind == "text":
                self._writer.text(decode(piece.value))
            elif piece.kind == "open":
                self.open(piece.value, piece.attributes)
            else:
                self._close(piece.value)
        self._end_link()
        return self._writer.result()

    def open(self, name: str, source: str) -> None:
        """An opening tag, its attributes in *source*."""
        if name not in _VOID and (name in _SKIPPED or _is_hidden(source)):
            self._skipped, self._depth = name, 1
        elif name == "a":
            self._end_link()
            href = " ".join(attributes(source).get("href", "").split())
            if href.lower().startswith(LINKS):
                self._link = href, self._writer.mark()
        elif name == "img":
            self._writer.text(f" {alt} " if (alt := attributes(source).get("alt", "").strip()) else "")
        elif name == "br":
            self._writer.line_end()
        elif name == "hr":
            self._writer.rule()
        elif name in ("td", "th"):
            self._writer.cell()
        elif name in _BLOCKS:
            self._open_block(name)

    def same(self, words: str, address: str) -> bool:
        """Whether a link's *words* already say its *address*."""
        bare = address.partition("//")[2] or address
        return words.rstrip("/") in (address.rstrip("/"), bare.rstrip("/"))

    def _open_block(self, name: str) -> None:
        writer = self._writer
        writer.block(1 if name in ("ul", "ol") and writer.in_list else _BLOCKS[name])
        if name in ("ul", "ol"):
            writer.open_list(numbered=name == "ol")
        elif name == "li":
            writer.item()
        elif name == "blockquote":
            writer.open_quote()
        elif name == "pre":
            writer.verbatim += 1

    def _close(self, name: str) -> None:
        writer = self._writer
        if name == "a":
            self._end_link()
        elif name in _BLOCKS:
            if name in ("ul", "ol"):
                writer.close_list()
            elif name == "blockquote":
                writer.close_quote()
            elif name == "pre":
                writer.verbatim = max(0, writer.verbatim - 1)
            writer.block(1 if name in ("ul", "ol") and writer.in_list else _BLOCKS[name])

    def _end_link(self) -> None:
        if self._link is None:
            return
        href, start = self._link
        self._link = None
        address = href.partition("?")[0][7:] if href[:7].lower() == "mailto:" else href
        address = address[4:] if address[:4].lower() == "tel:" else address
        words = self._writer.since(start)
        if not words:
            self._writer.text(f" {address} ")
        elif not self.same(words, address):
            self._writer.append(f" ({address})")

    def _skip(self, piece: Piece) -> None:
        if self._skipped == "head" and piece.kind == "open" and piece.value == "body":
            self._skipped = ""  # browsers end a head here that was never closed
            self.open(piece.value, piece.attributes)
        elif piece.value == self._skipped and piece.kind != "text":
            self._depth += 1 if piece.kind == "open" else -1
            if not self._depth:
                self._skipped = ""


def _is_hidden(source: str) -> bool:
    """Whether an element with these attributes is not shown: preheaders, mostly."""
    if not source:
        return False
    lower = source.lower()
    if "style" not in lower and "hidden" not in lower:
        return False
    found = attributes(source)
    return "hidden" in found or bool(_HIDING.search("".join(found.get("style", "").lower().split())))
