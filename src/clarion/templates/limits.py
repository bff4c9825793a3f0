"""How much one rendering may do: a template, or the data it is given, can ask for more than any machine has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from liquid.exceptions import OutputStreamLimitError, ResourceLimitError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from liquid import BoundTemplate
    from liquid.token import Token


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Counted in work and sizes, never in time: the same message must not fail on a busy day only."""

    #: Nodes rendered, loop turns, and 1 for each 64 characters or item that a filter reads; about a second at most.
    work: int = 200_000
    #: Bytes of UTF-8 of all that one message says.
    output: int = 10_000_000
    #: Characters of one value made by a filter or a capture.
    string: int = 1_000_000
    #: Items of one list or range.
    items: int = 50_000
    #: Characters and items held in a template's own variables.
    variables: int = 4_000_000
    #: Bits of a whole number.
    bits: int = 256
    #: Characters of one template file.
    source: int = 256_000
    #: Layouts in layouts, or partials in partials.
    depth: int = 10


class TooLarge(OutputStreamLimitError):
    """What a message says is longer than may be sent."""


class Run:
    """What one rendering of one message has done so far, shared by its subject, bodies, layouts and partials."""

    __slots__ = ("chars", "limits", "locale", "missing", "partials", "work")

    def __init__(self, limits: Limits, locale: str, partials: Mapping[str, BoundTemplate]) -> None:
        self.limits = limits
        #: The locale of the words, for dates and numbers.
        self.locale = locale
        self.partials = partials
        #: Names that were wanted and not there, with where the first of each was wanted.
        self.missing: dict[str, Token | None] = {}
        self.work = limits.work
        self.chars = 0

    def spend(self, work: int) -> None:
        """Count *work*; raises `ResourceLimitError` when that was too much."""
        self.work -= work
        if self.work < 0:
            raise ResourceLimitError(f"more work than one message may cost ({self.limits.work:,} units)", token=None)

    def write(self, chars: int) -> None:
        """Count *chars* of what the message says; raises `TooLarge`."""
        self.chars += chars
        if self.chars > self.limits.output:
            raise TooLarge(f"longer than {self.limits.output:,} bytes", token=None)

    def check_string(self, chars: int) -> None:
        """Refuse a value of *chars* characters when that is too much."""
        if chars > self.limits.string:
            raise ResourceLimitError(f"a value longer than {self.limits.string:,} characters", token=None)

    def check_items(self, items: int) -> None:
        """Refuse a list or range of *items* when that is too much."""
        if items > self.limits.items:
            raise ResourceLimitError(f"a list longer than {self.limits.items:,} items", token=None)


class Page:
    """Where a template writes: counts as it goes. Has the part of a text stream's interface that Liquid uses."""

    __slots__ = ("_parts", "_run", "_size", "_value")

    def __init__(self, run: Run, *, value: bool = False) -> None:
        self._parts: list[str] = []
        self._run = run
        #: Whether this becomes a variable (a capture) instead of going out.
        self._value = value
        self._size = 0

    def write(self, text: str) -> int:
        self._parts.append(text)
        length = len(text)
        if self._value:
            self._size += length
            self._run.check_string(self._size)
        else:
            self._run.write(length)
        return length

    def getvalue(self) -> str:
        return "".join(self._parts)
