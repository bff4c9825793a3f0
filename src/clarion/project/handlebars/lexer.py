"""Handlebars, cut into text and tags."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from clarion.project.handlebars.tree import HandlebarsError, Strip

_CLOSERS = {'"': '"', "'": "'", "[": "]"}


@dataclass(frozen=True, slots=True)
class Text:
    """What stands between tags."""

    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mustache:
    """One tag."""

    at: int
    #: What it begins with: ``#``, ``^``, ``/``, ``>``, ``&``, ``{``, ``!``, ``#*``, ``*``, ``#>``, ``{{``, or nothing.
    sign: str
    inner: str
    strip: Strip
    #: As it is written, without the outer braces.
    text: str


def tokens(source: str) -> Iterator[Text | Mustache]:
    """The parts of *source* in order. Raises `HandlebarsError` where a tag never ends."""
    at = 0
    while at < len(source):
        opening = source.find("{{", at)
        if opening < 0:
            yield Text(source[at:])
            return
        before = source[at:opening]
        if before.endswith("\\\\"):  # an escaped backslash, and then a tag
            before = before[:-1]
        elif before.endswith("\\"):  # an escaped tag: text, up to the next one
            if before[:-1]:
                yield Text(before[:-1])
            at = _end_of_escaped(source, opening)
            yield Text(source[opening:at])
            continue
        if before:
            yield Text(before)
        tag, at = _mustache(source, opening)
        yield tag


def _end_of_escaped(source: str, opening: int) -> int:
    """Where the text that an escaped tag begins ends: before the next tag and the backslashes that belong to it."""
    found = source.find("{{", opening + 2)
    if found < 0:
        return len(source)
    for slashes in ("\\\\", "\\"):
        if source.endswith(slashes, opening + 2, found):
            return found - len(slashes)
    return found


def _mustache(source: str, at: int) -> tuple[Mustache, int]:
    start = at + 2
    left = source.startswith("~", start)
    start += left
    if source.startswith("{{", at + 2):
        return _raw_block(source, at)
    if source.startswith("!", start):
        return _comment(source, at, start, left)
    sign = next((s for s in ("#*", "#>", "#", "^", "/", ">", "&", "{", "*") if source.startswith(s, start)), "")
    start += len(sign)
    end = _end(source, start, at, "}" if sign == "{" else "")
    inner, closing = source[start:end], source[end:]
    right = closing.startswith(("~", "}~"))
    after = end + 2 + right + (sign == "{")
    return Mustache(
        at=at, sign=sign, inner=inner.strip(), strip=Strip(left, right), text=source[at + 2 : end].strip("~ {")
    ), after


def _end(source: str, start: int, opening: int, brace: str) -> int:
    """Where the closing braces of a tag begin, texts and ``[names]`` passed over."""
    closings = (f"{brace}}}}}", f"{brace}~}}}}") if brace else ("}}", "~}}")
    at = start
    while at < len(source):
        if source.startswith(closings, at):
            return at
        closer = _CLOSERS.get(source[at])
        if closer is None:
            at += 1
            continue
        at = _after(source, at + 1, closer, opening)
    raise HandlebarsError("this tag is never closed", opening)


def _after(source: str, at: int, closer: str, opening: int) -> int:
    while at < len(source):
        if source[at] == "\\" and closer != "]":
            at += 1
        elif source[at] == closer:
            return at + 1
        at += 1
    raise HandlebarsError(f"this tag has a {closer} too few", opening)


def _comment(source: str, at: int, start: int, left: bool) -> tuple[Mustache, int]:
    long = source.startswith("!--", start)
    closings = ("--}}", "--~}}") if long else ("}}",)
    ends = [(found, mark) for mark in closings if (found := source.find(mark, start)) >= 0]
    if not ends:
        raise HandlebarsError("this comment is never closed", at)
    end, mark = min(ends)
    right = "~" in mark or (not long and source[end - 1] == "~")
    inner = source[start:end].strip("!-~ ")
    return Mustache(at=at, sign="!", inner=inner, strip=Strip(left, right), text="! …"), end + len(mark)


def _raw_block(source: str, at: int) -> tuple[Mustache, int]:
    """``{{{{name}}}} … {{{{/name}}}}``, whole."""
    head_end = source.find("}}}}", at)
    name = source[at + 4 : head_end].split()[0] if head_end > at and source[at + 4 : head_end].strip() else ""
    closing = f"{{{{{{{{/{name}}}}}}}}}"
    end = source.find(closing, head_end) if name else -1
    if end < 0:
        raise HandlebarsError("this raw block is never closed", at)
    return Mustache(at=at, sign="{{", inner=name, strip=Strip(), text=f"{{{{{name}}}}}"), end + len(closing)
