"""A page of the tutorial as what a reader does, step by step.

What the blocks of such a page mean, by the language after their fence:

- ``sh``: commands, typed in this order. A line that begins with ``#`` is what the command before it shows, on either
  output; ``…`` in it stands for anything. In a command, ``trg_…`` and ``msg_…`` stand for an id that was shown before.
  A block that is ``clarion up`` alone is left running.
- ``text``: what the program that was left running says by now.
- ``console``: commands that depend on the machine, such as installing: to be read, not run.
- any other, or none: the content of a file, whose name is the first line as a comment, or else the last path in
  backquotes before the block.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_PATH = re.compile(r"`([\w./-]+\.\w+)`")
_NAMED_WITHIN = re.compile(r"# ([\w./-]+\.\w+)$")
_LEFT_RUNNING = "clarion up"


@dataclass(frozen=True, slots=True)
class Write:
    """Save a file."""

    name: str
    content: str


@dataclass(frozen=True, slots=True)
class Start:
    """Leave a program running."""

    command: str


@dataclass(frozen=True, slots=True)
class Hear:
    """The program that was left running says this."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Type:
    """Type a command, and see these lines."""

    command: str
    shows: tuple[str, ...]


Step = Write | Start | Hear | Type


def steps(text: str) -> Iterator[Step]:
    """What a reader of the page *text* does."""
    behind = 0
    for block in _BLOCK.finditer(text):
        language, body = block.groups()
        before, behind = text[behind : block.start()], block.end()
        if language == "console":
            continue
        if language == "text":
            yield Hear(tuple(body.splitlines()))
        elif language != "sh":
            yield Write(_name(before, body), body)
        elif body.strip() == _LEFT_RUNNING:
            yield Start(_LEFT_RUNNING)
        else:
            yield from _commands(body)


def seen(shown: str, output: str) -> bool:
    """Whether *output* has the line *shown*; ``…`` stands for anything, and the width of columns does not count."""
    parts = (r"[ ]+".join(re.escape(word) for word in re.split(r" +", part)) for part in shown.strip().split("…"))
    pattern = ".*".join(parts)
    return re.search(rf"^\s*{pattern}\s*$", output, re.MULTILINE) is not None


def _name(before: str, body: str) -> str:
    """Which file a block is."""
    if named := _NAMED_WITHIN.match(body.partition("\n")[0]):
        return named[1]
    paths = _PATH.findall(before)
    assert paths, f"no file is named for the block {body!r}"
    return str(paths[-1])


def _commands(body: str) -> Iterator[Type]:
    command, shows = "", list[str]()
    for line in body.splitlines():
        if line.startswith("#") and not _goes_on(command):
            assert command, f"{line!r} stands before any command"
            shows.append(line.removeprefix("#").strip())
            continue
        if command and not _goes_on(command):
            yield Type(command, tuple(shows))
            command, shows = "", []
        command = f"{command}\n{line}" if command else line
    if command:
        yield Type(command, tuple(shows))


def _goes_on(command: str) -> bool:
    """Whether the next line belongs to *command*: it ends in a backslash, or within quotes."""
    if command.endswith("\\"):
        return True
    try:
        shlex.split(command, comments=True)
    except ValueError:
        return True
    return False
