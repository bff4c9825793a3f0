"""YAML nodes as plain values, for the parts of a file that are kept as they were written."""

from __future__ import annotations

import re
from collections.abc import Sequence

import yaml

from clarion.project.table import Notes, kind

_TAG = "tag:yaml.org,2002:"
_INT = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,17})?([eE][+-]?[0-9]{1,3})?")
_BOOLS = {"true": True, "True": True, "false": False, "False": False}
#: Values in all, those that are named by an alias counted each time.
_MOST = 5_000
_DEEPEST = 32


class Plain:
    """Reads values; what cannot be one is noted, and stands as None then."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._count = 0

    def value(self, node: yaml.Node, depth: int = 0) -> object:
        """What *node* says: text, numbers, true, false, null, lists, and maps with text for keys."""
        self._count += 1
        if self._count > _MOST or depth > _DEEPEST:
            if self._count <= _MOST + 1:
                self._notes.add(node, f"it holds more than {_MOST:,} values, or {_DEEPEST} levels")
                self._count = _MOST + 2
            return None
        if isinstance(node, yaml.MappingNode):
            return self._map(node, depth)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, depth + 1) for item in node.value]
        return self._scalar(node)

    def _map(self, node: yaml.MappingNode, depth: int) -> dict[str, object]:
        found: dict[str, object] = {}
        for key, value in node.value:
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else None
            if name is None or key.tag == _TAG + "merge":
                self._notes.add(key, f"a key must be text, not {kind(key)}")
            elif name in found:
                self._notes.add(key, f"`{name[:60]}` is there twice", "keep one of the two")
            else:
                found[name] = self.value(value, depth + 1)
        return found

    def _scalar(self, node: yaml.Node) -> object:
        text, tag = str(node.value), node.tag.removeprefix(_TAG)
        if tag == "str":
            return text
        if tag == "null":
            return None
        if tag == "bool" and text in _BOOLS:
            return _BOOLS[text]
        if tag == "int" and _INT.fullmatch(text):
            return int(text)
        if tag == "float" and _FLOAT.fullmatch(text):
            return float(text)
        self._notes.add(node, f"{text[:60]} is {kind(node)} in a form that is easily mistaken", "put it in quotes")
        return None


def locate(root: yaml.Node, pointer: str) -> tuple[yaml.Node, yaml.Node]:
    """The key and the value at the JSON *pointer* below *root*; of the innermost that is there, when it is not all."""
    key = value = root
    for part in _parts(pointer):
        step = _step(value, part)
        if step is None:
            break
        key, value = step
    return key, value


def _step(node: yaml.Node, part: str) -> tuple[yaml.Node, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value == part:
                return key, value
    elif isinstance(node, yaml.SequenceNode) and part.isdecimal() and int(part) < len(node.value):
        item = node.value[int(part)]
        return item, item
    return None


def _parts(pointer: str) -> Sequence[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
