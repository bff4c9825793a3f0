"""Liquid within other languages: each tag becomes a mark that they leave alone, and comes back afterwards.

What is done to the text between (MJML compiled, CSS inlined) must not lose, double or shuffle the tags that branch and
loop, nor what prints within them: whether it did, `Marked.restored` finds out.
"""

from __future__ import annotations

import re
import secrets
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from clarion.templates.markup import words
from clarion.templates.source import Place

#: What is no Liquid within stays together.
_BLOCK = re.compile(r"\{%-?\s*(raw|comment|doc)\s*-?%\}.*?\{%-?\s*end\1\s*-?%\}", re.DOTALL)
_TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
#: Before the first tag that branches.
_BEGINNING = -1


class Tag(NamedTuple):
    """One tag of Liquid, or a block of what is none."""

    text: str
    place: Place

    @property
    def prints(self) -> bool:
        return self.text.startswith("{{")


class Restored(NamedTuple):
    """The text with its tags again."""

    text: str
    #: Where each tag stands in it, rising, and where it comes from.
    places: tuple[tuple[int, Place], ...]
    #: Tags that are gone, and those that are elsewhere than they were.
    gone: Sequence[Tag]
    moved: Sequence[Tag]


class Lines:
    """Where a text comes from that was put together of pieces of several files."""

    def __init__(self) -> None:
        self.text = ""
        self._starts: list[int] = []
        self._from: list[Place] = []

    def add(self, text: str, file: str, line: int) -> None:
        """*text*, which begins on *line* of *file*, comes next."""
        if text:
            self._starts.append(len(self.text))
            self._from.append(Place(file, line))
            self.text += text

    def place(self, index: int) -> Place:
        """The file and line of what stands at *index*."""
        number = max(bisect_right(self._starts, index) - 1, 0)
        file, line = self._from[number]
        return Place(file, line + self.text.count("\n", self._starts[number], index))


@dataclass(slots=True)
class Marked:
    """A text with marks for its tags: letters and digits within tags of HTML, comments among words."""

    text: str
    tags: Sequence[Tag]
    #: Finds marks, each with its number; and where each is, with that.
    pattern: re.Pattern[str]
    #: Indexes in `text` where something begins that stood elsewhere, and where it stood.
    _origins: list[tuple[int, int]] = field(default_factory=list)

    def origin(self, index: int) -> int:
        """Where what stands at *index* stood before there were marks."""
        at = max(bisect_right(self._origins, (index, 1 << 60)) - 1, 0)
        if not self._origins:
            return index
        now, before = self._origins[at]
        return before + index - now

    def found(self, text: str) -> Iterator[tuple[int, int, int]]:
        """Beginning, end and number of each mark in *text*."""
        for match in self.pattern.finditer(text):
            yield match.start(), match.end(), int(match[1] or match[2])

    def restored(self, text: str) -> Restored:
        """*text*, which was made of ours, with tags in place of marks."""
        # A parser of HTML puts rows into a body that nobody wrote: before what loops over them, not within it.
        text = re.sub(rf"(<table\b[^>]*>)((?:\s|{self.pattern.pattern})+)<tbody>", r"\1<tbody>\2", text)
        pieces: list[str] = []
        places: list[tuple[int, Place]] = []
        order: list[int] = []
        at = size = 0
        for start, end, number in self.found(text):
            tag = self.tags[number]
            places.append((size + start - at, tag.place))
            pieces += (text[at:start], tag.text)
            size += start - at + len(tag.text)
            at = end
            order.append(number)
        gone = [tag for number, tag in enumerate(self.tags) if number not in set(order)]
        moved = [] if gone else [self.tags[number] for number in self._moved(order)]
        return Restored("".join([*pieces, text[at:]]), tuple(places), gone, moved)

    def _moved(self, order: Sequence[int]) -> Iterator[int]:
        """Those that do not stand behind the tag that branches which they stood behind, or that branch again."""
        behind, expected = _BEGINNING, {}
        for number, tag in enumerate(self.tags):
            expected[number] = behind
            behind = behind if tag.prints else number
        last = _BEGINNING
        for number in order:
            if expected[number] != last:
                yield number
                return
            last = last if self.tags[number].prints else number


def mark(lines: Lines) -> Marked:
    """The text of *lines* with marks for its tags."""
    nonce = f"lq{secrets.token_hex(4)}n"
    found = list(_tags(lines.text))
    bare = [f"{nonce}{number}z" for number in range(len(found))]
    pieces: list[str] = []
    starts: list[int] = []
    at = size = 0
    for (start, end), name in zip(found, bare, strict=True):
        size += start - at
        starts.append(size)
        pieces += (lines.text[at:start], name)
        size, at = size + len(name), end
    stretches = words("".join([*pieces, lines.text[at:]]))
    begins = [stretch.start for stretch in stretches]
    text, origins, at = "", [(0, 0)], 0
    for (start, end), name, index in zip(found, bare, starts, strict=True):
        text += lines.text[at:start]
        origins.append((len(text), start))
        around = bisect_right(begins, index) - 1
        text += f"<!--{name}-->" if around >= 0 and index < stretches[around].end else name
        origins.append((len(text), end))
        at = end
    tags = [Tag(lines.text[start:end], lines.place(start)) for start, end in found]
    pattern = re.compile(rf"<!--{nonce}(\d+)z-->|{nonce}(\d+)z")
    return Marked(text + lines.text[at:], tags, pattern, origins)


def _tags(text: str) -> Iterator[tuple[int, int]]:
    at = 0
    while tag := _TAG.search(text, at):
        whole = _BLOCK.match(text, tag.start()) or tag
        yield whole.span()
        at = whole.end()
