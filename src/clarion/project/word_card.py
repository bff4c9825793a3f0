"""Fields and buttons in the front matter of a chat message, each part under a key of its own: ``fields.1.label``."""

from __future__ import annotations

from collections.abc import Callable

import yaml

from clarion.domain.card import MOST_BUTTONS, MOST_FIELDS, is_link, too_long
from clarion.project.table import Notes, Table
from clarion.project.table import kind as kind_of
from clarion.templates.source import BUTTONS, FIELDS

#: By key: the text, and where it stands.
Texts = dict[str, tuple[str, yaml.Node]]

_FIELDS = 'for example fields: {Room: "{{ payload.room }}"}'
_BUTTONS = "for example buttons: [{text: Open, url: https://shop.example/orders}]"
_REST = "put the rest into the text: not every provider shows more"


def fields(node: yaml.Node, notes: Notes) -> Texts:
    """The labels and values in *node*, all Liquid; what is wrong with them is among *notes*."""
    if not isinstance(node, yaml.MappingNode):
        notes.add(node, f"`fields` must be a table of labels and texts, not {kind_of(node)}", _FIELDS)
        return {}
    if strange := [key for key, _ in node.value if not isinstance(key, yaml.ScalarNode)]:
        for key in strange:
            notes.add(key, f"a label in `fields` must be text, not {kind_of(key)}", "put it in quotes")
        return {}
    _count(node, [key for key, _ in node.value], MOST_FIELDS, "fields", notes)
    labels = {str(key.value): key for key, _ in node.value}
    table = Table(node, notes, labels)
    found: Texts = {}
    for number, (label, key) in enumerate(labels.items(), 1):
        if fault := _label_fault(label):
            notes.add(key, *fault)
        value, at = table.checked(label, _reader(f"the field `{label[:40]}`", "value")), table.at(label)
        if value is not None and at is not None:
            found |= {f"{FIELDS}{number}.label": (label.strip(), key), f"{FIELDS}{number}.value": (value, at)}
    return found


def buttons(node: yaml.Node, notes: Notes) -> Texts:
    """The same of buttons, each a table of `text` and `url`."""
    if not isinstance(node, yaml.SequenceNode):
        notes.add(node, f"`buttons` must be a list of tables with `text` and `url`, not {kind_of(node)}", _BUTTONS)
        return {}
    _count(node, node.value, MOST_BUTTONS, "buttons", notes)
    found: Texts = {}
    for number, item in enumerate(node.value, 1):
        what = f"button {number}"
        before = len(notes.mistakes)
        table = Table.of(item, notes, ("text", "url"), f"{what} in `buttons`")
        if table is None:
            continue
        for key in ("text", "url"):
            if not table.has(key) and len(notes.mistakes) == before:  # else it is there, under a wrong name
                notes.add(item, f"{what} has no `{key}`", _BUTTONS)
        for key in ("text", "url"):
            text, at = table.checked(key, _reader(what, key)), table.at(key)
            if text is not None and at is not None:
                found[f"{BUTTONS}{number}.{key}"] = (text, at)
    return found


def _count(node: yaml.Node, items: list[yaml.Node], most: int, what: str, notes: Notes) -> None:
    if not items:
        notes.add(node, f"`{what}` is empty", "leave it out, or name one")
    elif len(items) > most:
        notes.add(items[most], f"`{what}` has {len(items)} entries, where {most} are allowed", _REST)


def _label_fault(label: str) -> tuple[str, str] | None:
    if not label.strip():
        return "a field without a label", _FIELDS
    if "\n" in label.strip():
        return f"the label `{label.strip()[:40]}` must be one line", "put what follows into the value"
    if not _is_liquid(label) and (fault := too_long(f"the field `{label[:40]}`", "label", label.strip())):
        return fault, "shorten it"
    return None


def _reader(what: str, part: str) -> Callable[[str], str]:
    """Reads the *part* of *what*: no longer than it may be, and of a url a link, as far as that shows already."""

    def read(text: str) -> str:
        text = text.strip()
        if part != "value" and "\n" in text:
            raise ValueError("it must be one line")
        if not _is_liquid(text):
            if fault := too_long(what, part, text):
                raise ValueError(f"{fault}; shorten it")
            if part == "url" and not is_link(text):
                raise ValueError("it is not an address that begins with https:// or http://")
        return text

    return read


def _is_liquid(text: str) -> bool:
    return "{{" in text or "{%" in text
