"""The files that go with the mails of a step, as its workflow file names them."""

from __future__ import annotations

import yaml

from clarion.domain.attachment import MOST_FILES, Reference, check_inline, clean_name
from clarion.http.url_guard import parse_url
from clarion.project.table import Notes, Table, kind

_KEYS = frozenset({"url", "name", "inline"})


def read_attached(table: Table, notes: Notes) -> tuple[Reference, ...]:
    """What ``attachments`` of a step says; what is wrong with it is noted."""
    node = table.at("attachments")
    if node is None:
        return ()
    if not isinstance(node, yaml.SequenceNode) or not 1 <= len(node.value) <= MOST_FILES:
        hint = 'for example - url: "https://files.shop.example/{{ payload.id }}.pdf"'
        notes.add(node, f"`attachments` must be a list of 1 to {MOST_FILES} files, not {kind(node)}", hint)
        return ()
    found = []
    for item in node.value:
        one = Table.of(item, notes, _KEYS, "a file")
        if one is None:
            continue
        url, name = one.checked("url", _url), one.checked("name", _name)
        if url is None and not one.has("url"):
            notes.add(item, "the file has no `url`")
        found.append(Reference(url=url, name=name, inline=one.checked("inline", check_inline)))
    return tuple(found)


def _url(text: str) -> str:
    if not _liquid(text):
        parse_url(text)
    return text


def _name(text: str) -> str:
    return text if _liquid(text) else clean_name(text)


def _liquid(text: str) -> bool:
    """Whether *text* has Liquid in it, of what all mails of a trigger share."""
    from clarion.templates.text import Text  # the engine takes 0.2 s to import
    from clarion.templates.vocabulary import SHARED

    return not Text(text, SHARED).fixed
