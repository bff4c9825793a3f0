"""A mapping in a YAML file, read key by key; what is wrong is noted with its place, and reading goes on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import timedelta
from enum import Enum
from typing import TypeVar

import yaml

from clarion.domain.duration import parse_duration, show_duration
from clarion.domain.suggest import did_you_mean
from clarion.errors import Invalid
from clarion.project.mistake import Mistake, Severity

T = TypeVar("T")
E = TypeVar("E", bound=Enum)

_TAG = "tag:yaml.org,2002:"
_KINDS = {"str": "text", "int": "a whole number", "float": "a number", "bool": "true or false", "null": "nothing"}
_KINDS |= {"map": "a table", "seq": "a list", "timestamp": "a date"}
_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")


class Notes:
    """The mistakes found in one file so far."""

    def __init__(self, file: str, first_line: int = 1) -> None:
        self.file = file
        #: The line of the file on which the YAML begins.
        self.first_line = first_line
        self.mistakes: list[Mistake] = []

    def add(
        self,
        node: yaml.Node | None,
        message: str,
        hint: str | None = None,
        *,
        severity: Severity = Severity.ERROR,
    ) -> None:
        """Note what is wrong at *node*; None means the whole file."""
        line, column = (self.line(node), node.start_mark.column + 1) if node else (None, None)
        self.put(line, column, message, hint, severity=severity)

    def put(
        self,
        line: int | None,
        column: int | None,
        message: str,
        hint: str | None = None,
        *,
        severity: Severity = Severity.ERROR,
    ) -> None:
        """Note what is wrong at *line* and *column* of the file."""
        self.mistakes.append(
            Mistake(file=self.file, line=line, column=column, message=message, hint=hint, severity=severity)
        )

    def line(self, node: yaml.Node) -> int:
        return int(node.start_mark.line) + self.first_line


class Table:
    """One mapping. Every reader answers None, or what it was given as default, where the value is absent or wrong."""

    def __init__(self, node: yaml.MappingNode, notes: Notes, known: Iterable[str]) -> None:
        self.node = node
        self.notes = notes
        self._values: dict[str, yaml.Node] = {}
        self._keys(sorted(known))

    @classmethod
    def of(cls, node: yaml.Node, notes: Notes, known: Iterable[str], what: str) -> Table | None:
        """*node* as a table, or None with a note when it is something else."""
        if isinstance(node, yaml.MappingNode):
            return cls(node, notes, known)
        notes.add(node, f"{what} must be a table of keys and values, not {kind(node)}")
        return None

    def has(self, key: str) -> bool:
        return key in self._values

    def at(self, key: str) -> yaml.Node | None:
        """The node of *key*'s value, for notes."""
        return self._values.get(key)

    def text(self, key: str) -> str | None:
        node = self._values.get(key)
        if node is None:
            return None
        if not isinstance(node, yaml.ScalarNode) or node.tag != _TAG + "str":
            self.notes.add(node, f"`{key}` must be text, not {kind(node)}", _quote(node))
            return None
        if not node.value.strip():
            self.notes.add(node, f"`{key}` is empty", "leave the line out, or say what it is")
            return None
        return str(node.value)

    def checked(self, key: str, check: Callable[[str], T]) -> T | None:
        """The text of *key* as *check* reads it; what it raises (`Invalid`, `ValueError`) is noted."""
        value = self.text(key)
        if value is None:
            return None
        try:
            return check(value)
        except Invalid as error:
            self.notes.add(self._values[key], f"`{key}`: {error.message}")
        except ValueError as error:
            self.notes.add(self._values[key], f"`{key}`: {error}")
        return None

    def choice(self, key: str, choices: dict[str, T]) -> T | None:
        """What the text of *key* stands for."""
        value = self.text(key)
        if value is None:
            return None
        if value in choices:
            return choices[value]
        self.notes.add(self._values[key], f"`{value}` is not a {key.replace('_', ' ')}", did_you_mean(value, choices))
        return None

    def number(self, key: str, low: float, high: float, *, whole: bool = False) -> float | None:
        """A number from *low* to *high*, written in decimal digits."""
        node = self._values.get(key)
        if node is None:
            return None
        expected = f"`{key}` must be a {'whole ' if whole else ''}number from {low:.15g} to {high:.15g}"
        if not isinstance(node, yaml.ScalarNode) or node.tag not in (_TAG + "int", _TAG + "float"):
            self.notes.add(node, f"{expected}, not {kind(node)}")
            return None
        match = _NUMBER.fullmatch(node.value)
        if not match or (whole and match[1]) or not low <= float(node.value) <= high:
            self.notes.add(node, f"{expected}, not {node.value[:40]}")
            return None
        return float(node.value)

    def flag(self, key: str) -> bool | None:
        """``true`` or ``false``."""
        node = self._values.get(key)
        if node is None:
            return None
        if not isinstance(node, yaml.ScalarNode) or node.tag != _TAG + "bool":
            self.notes.add(node, f"`{key}` must be true or false, not {kind(node)}")
            return None
        return node.value.lower() in ("true", "yes", "on")

    def texts(self, key: str) -> tuple[str, ...] | None:
        """A list of texts, or one alone."""
        node = self._values.get(key)
        if node is None:
            return None
        items = node.value if isinstance(node, yaml.SequenceNode) else [node]
        found = []
        for item in items:
            if isinstance(item, yaml.ScalarNode) and item.tag == _TAG + "str" and item.value.strip():
                found.append(str(item.value))
            else:
                self.notes.add(item, f"`{key}` must be a list of texts, not of {kind(item)}", _quote(item))
        if not items:
            self.notes.add(node, f"`{key}` is empty", "leave the line out, or name one")
        return tuple(found)

    def duration(self, key: str, low: timedelta, high: timedelta) -> timedelta | None:
        node = self._values.get(key)
        return None if node is None else duration(node, key, self.notes, low, high)

    def _keys(self, known: list[str]) -> None:
        first: dict[str, yaml.Node] = {}
        for key, value in self.node.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else kind(key)
            if name in first:
                line = self.notes.line(first[name])
                self.notes.add(key, f"`{name}` is there twice: first on line {line}", "keep one of the two")
            elif name not in known:
                self.notes.add(key, f"unknown key `{name[:60]}`", did_you_mean(name, known))
            else:
                self._values[name] = value
            first.setdefault(name, key)


def duration(node: yaml.Node, key: str, notes: Notes, low: timedelta, high: timedelta) -> timedelta | None:
    """The length of time that *node* says."""
    if not isinstance(node, yaml.ScalarNode) or node.tag != _TAG + "str":
        hint = f"did you mean {node.value}s?" if node.tag == _TAG + "int" and _NUMBER.fullmatch(node.value) else None
        notes.add(node, f"`{key}` must be a length of time such as 5s, 10m or 2d, not {kind(node)}", hint)
        return None
    try:
        length = parse_duration(node.value)
    except Invalid as error:
        notes.add(node, f"`{key}`: {error.message}")
        return None
    if low <= length <= high:
        return length
    notes.add(node, f"`{key}` must be from {show_duration(low)} to {show_duration(high)}, not {node.value}")
    return None


def place_in(node: yaml.Node, notes: Notes, line: int, column: int) -> tuple[int, int | None]:
    """Where a place in the text of *node* is in the file: to the column where that can be told."""
    style = getattr(node, "style", None)
    if style in ("|", ">"):
        return notes.line(node) + line, None  # its indentation is not known here
    if node.start_mark.line == node.end_mark.line:
        return notes.line(node), node.start_mark.column + column + (style in ("'", '"'))
    return notes.line(node), node.start_mark.column + 1


def kind(node: yaml.Node) -> str:
    """What *node* is, in words."""
    name = node.tag.removeprefix(_TAG)
    return _KINDS.get(name, f"something tagged `{node.tag[:40]}`")


def _quote(node: yaml.Node) -> str | None:
    if isinstance(node, yaml.ScalarNode) and node.tag == _TAG + "null":
        return "say what it is, or leave the line out"
    if isinstance(node, yaml.ScalarNode) and node.tag.startswith(_TAG):
        return f'put it in quotes: "{node.value[:60]}"'
    if isinstance(node, yaml.ScalarNode):
        return f'put it in quotes: "{node.tag[:40]} {node.value[:60]}"'
    return 'put it in quotes, for example "{{ payload.name }}"' if isinstance(node, yaml.MappingNode) else None
