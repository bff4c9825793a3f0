"""Plain text as it grows: words, lines, blank lines, lists and rows."""

from __future__ import annotations

#: Lists and quotes are indented no deeper: hostile nesting must not make lines ever longer.
_DEEPEST = 8


class TextWriter:
    """Puts words after one another, with as much space between them as was asked for and no more.

    What comes out depends on the words only through the words themselves, never through their length, so that a
    text can be made once with marks in it and the words put in their place afterwards.
    """

    def __init__(self) -> None:
        self._out: list[str] = []
        #: Line ends owed before the next word; 2 makes a blank line.
        self._owed = 0
        self._space = False
        self._cell = False
        self._marker = ""
        #: A list's next number (0: bullets) or None for a quotation, from the outermost in.
        self._nested: list[int | None] = []
        self._lists = 0
        #: How many `pre` are open.
        self.verbatim = 0

    @property
    def in_list(self) -> bool:
        """Whether a list is open."""
        return self._lists > 0

    def text(self, text: str) -> None:
        """Words as they stand in HTML, where any space is one space."""
        if self.verbatim and text:
            self._lines(text)
            return
        words = text.split()
        if not words:
            self._space = self._space or bool(text)
            return
        self._space = self._space or text[0].isspace()
        self._put(" ".join(words))
        self._space = text[-1].isspace()

    def append(self, text: str) -> None:
        """*text* directly after the last word; space that was owed comes after it."""
        self._out.append(text)

    def line_end(self) -> None:
        self._owed = min(self._owed + 1, 2)

    def block(self, line_ends: int) -> None:
        """The next word begins a new block, *line_ends* after the last."""
        self._owed = max(self._owed, line_ends)
        self._cell = False

    def cell(self) -> None:
        """The next word begins a cell; it stands beside the last cell's if that is on the same line."""
        self._cell = True

    def rule(self) -> None:
        self.block(2)
        self._put("---")
        self.block(2)

    def open_list(self, *, numbered: bool) -> None:
        self._nested.append(1 if numbered else 0)
        self._lists += 1

    def close_list(self) -> None:
        self._pop(quote=False)

    def open_quote(self) -> None:
        self._nested.append(None)

    def close_quote(self) -> None:
        self._pop(quote=True)

    def item(self) -> None:
        """The next word begins an item of the innermost list."""
        level = self._nested[-1] if self._nested else 0
        self._marker = f"{level}. " if level else "- "
        if level:
            self._nested[-1] = level + 1

    def mark(self) -> int:
        """A place to ask `since` about."""
        return len(self._out)

    def since(self, mark: int) -> str:
        """The words written after *mark*."""
        return "".join(self._out[mark:]).strip()

    def result(self) -> str:
        return "".join(self._out).strip("\n")

    def _pop(self, *, quote: bool) -> None:
        """Leave the innermost list or quotation, if it is what is being closed."""
        if self._nested and (self._nested[-1] is None) == quote:
            self._nested.pop()
            self._lists -= not quote
            self._marker = ""

    def _put(self, words: str) -> None:
        if self._owed or not self._out:
            self._out.append("\n" * self._owed if self._out else "")
            self._out.append(self._indent())
        elif self._cell:
            self._out.append(" | ")
        elif self._space:
            self._out.append(" ")
        self._owed, self._space, self._cell, self._marker = 0, False, False, ""
        self._out.append(words)

    def _indent(self) -> str:
        nested = self._nested[:_DEEPEST]
        indent = "".join("> " if level is None else "  " for level in nested)
        if self._marker and indent.endswith("  "):
            return indent[:-2] + self._marker
        return indent + self._marker

    def _lines(self, text: str) -> None:
        """Lines of a `pre`, as they are."""
        first, *rest = text.replace("\t", "    ").split("\n")
        if first.strip():
            self._put(first.rstrip("\r"))
        for line in rest:
            self._owed = min(self._owed + 1, 2)
            if line.strip():
                self._put(line.rstrip("\r"))
