"""The frequency caps of a workflow: ``cap: 3 in 1d``, a table, or a list of such."""

from __future__ import annotations

import yaml

from clarion.domain.cap import LONGEST, MOST_MESSAGES, SHORTEST, Cap, channel_of, checked, parse_caps
from clarion.errors import Invalid
from clarion.project.table import Notes, Table, kind

KEYS = frozenset({"messages", "per", "channel"})
_HOW = "for example cap: {messages: 3, per: 1d}"


def read_caps(table: Table, notes: Notes) -> tuple[Cap, ...]:
    """What the key ``cap`` says; what is wrong is noted."""
    node = table.at("cap")
    if node is None:
        return ()
    if isinstance(node, yaml.ScalarNode):
        return table.checked("cap", parse_caps) or ()
    items = node.value if isinstance(node, yaml.SequenceNode) else [node]
    if not items:
        notes.add(node, "`cap` is empty", _HOW)
    found = [cap for item in items for cap in _read(item, notes)]
    try:
        return checked(found)
    except Invalid as error:
        notes.add(node, f"`cap`: {error.message}")
        return ()


def _read(node: yaml.Node, notes: Notes) -> tuple[Cap, ...]:
    if isinstance(node, yaml.ScalarNode):
        try:
            return parse_caps(str(node.value))
        except Invalid as error:
            notes.add(node, f"`cap`: {error.message}")
            return ()
    if not isinstance(node, yaml.MappingNode):
        notes.add(node, f"a cap must be a table of keys and values, not {kind(node)}", _HOW)
        return ()
    table = Table(node, notes, KEYS)
    messages, per = table.number("messages", 1, MOST_MESSAGES, whole=True), table.duration("per", SHORTEST, LONGEST)
    channel = table.checked("channel", channel_of)
    for key in ("messages", "per"):
        if not table.has(key):
            notes.add(node, f"a cap needs `{key}`", _HOW)
    if messages is None or per is None:
        return ()
    return (Cap(messages=int(messages), per=per, channel=channel),)
