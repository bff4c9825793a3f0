"""One file of words: ``<name>[.<locale>].<html|mjml|txt>``, with front matter between two lines of ``---``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import cast

import yaml

from clarion.domain.duration import parse_duration
from clarion.domain.locale import normalise
from clarion.domain.push_size import is_data_key
from clarion.domain.suggest import did_you_mean, nearest
from clarion.errors import Invalid
from clarion.project.mistake import Mistake, Severity
from clarion.project.name import NAME
from clarion.project.table import Notes, Table
from clarion.project.table import kind as kind_of
from clarion.project.word_card import Texts, buttons, fields
from clarion.project.yaml_text import compose
from clarion.templates.source import DATA, Kind, Part

KINDS = ("html", "mjml", "txt")
_FENCE = "---"


@dataclass(frozen=True, slots=True, kw_only=True)
class WordFile:
    """One template or layout file as read, with the places of what its front matter says."""

    name: str
    part: Part
    #: Line and column of each value of the front matter.
    places: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def mistake(
        self, message: str, hint: str | None = None, *, key: str = "", severity: Severity = Severity.ERROR
    ) -> Mistake:
        """What is wrong with this file: at *key* of its front matter, or with the whole of it."""
        line, column = self.places.get(key, (None, None))
        return Mistake(file=self.part.file, line=line, column=column, message=message, hint=hint, severity=severity)


def read_words(text: str, file: str, known: Iterable[str]) -> tuple[WordFile | None, list[Mistake]]:
    """The template or layout in *text*, the content of *file*; *known* are the keys its front matter may have.

    None when its name or its front matter is of no use; a body without words is a mistake too.
    """
    notes = Notes(file)
    named = _parse_name(file.rpartition("/")[2], notes)
    matter, places, body, first_line = _front_matter(text, notes, known)
    if named is None:
        return None, notes.mistakes
    if not body.strip():
        notes.put(None, None, "there are no words in it", "write some, or remove the file")
    name, locale, kind = named
    part = Part(file=file, kind=kind, locale=locale, text=body, matter=matter, first_line=first_line)
    return WordFile(name=name, part=part, places=places), notes.mistakes


def _parse_name(file_name: str, notes: Notes) -> tuple[str, str | None, Kind] | None:
    """Name, locale and kind, of ``email.pt-BR.html`` for example."""
    stem, _, kind = file_name.rpartition(".")
    name, _, locale = stem.partition(".")
    if kind not in KINDS:
        found = nearest(kind, KINDS)
        hint = f"did you mean `{stem}.{found}`?" if found and stem else "templates end in .html, .mjml or .txt"
        notes.put(None, None, f"`{file_name[:80]}` is no template", hint)
        return None
    if not NAME.fullmatch(name):
        notes.put(None, None, f"`{name[:64]}` cannot be a template's name", "use up to 64 of a-z, 0-9, - and _")
        return None
    if locale:
        try:
            usual = normalise(locale)
        except Invalid:
            notes.put(
                None, None, f"`{locale[:40]}` in its name is not a locale", "one is for example de, pt-BR or zh-Hant"
            )
            return None
        if usual != locale:
            notes.put(
                None, None, f"`{locale[:40]}` is not how this locale is written", f"rename it to {name}.{usual}.{kind}"
            )
            return None
    return name, locale or None, "html" if kind == "mjml" else cast("Kind", kind)


def _front_matter(
    text: str, notes: Notes, known: Iterable[str]
) -> tuple[dict[str, object], dict[str, tuple[int, int]], str, int]:
    """What stands between the fences, where it stands, the rest, and the line on which the rest begins."""
    lines = text.split("\n")
    if lines[0].rstrip() != _FENCE:
        return {}, {}, text, 1
    end = next((i for i, line in enumerate(lines[1:], start=1) if line.rstrip() == _FENCE), None)
    if end is None:
        notes.put(1, 1, "the front matter has no end", "close it with a line of ---")
        return {}, {}, "\n".join(lines[1:]), 2
    body, first_line = "\n".join(lines[end + 1 :]), end + 2
    notes.first_line = 2
    node, mistakes = compose("\n".join(lines[1:end]), notes.file, first_line=2)
    notes.mistakes += mistakes
    table = Table.of(node, notes, known, "front matter") if node is not None else None
    matter: dict[str, object] = {}
    places: dict[str, tuple[int, int]] = {}
    for key in sorted(known) if table else ():
        value_node = table.at(key) if table else None
        if table is None or value_node is None:
            continue
        places[key] = _place(value_node, notes)
        if key in TABLES:
            for part, (text_in_it, node_of_it) in TABLES[key](value_node, notes).items():
                matter[part], places[part] = text_in_it, _place(node_of_it, notes)
            continue
        value = table.checked(key, _CHECKS.get(key, _one_line))
        if value is not None:
            matter[key] = value
    return matter, places, body, first_line


def _place(node: yaml.Node, notes: Notes) -> tuple[int, int]:
    return notes.line(node), node.start_mark.column + 1


def _data(node: yaml.Node, notes: Notes) -> Texts:
    """What the application on a device is told, each under ``data.<its name>``; all of it is text there."""
    if not isinstance(node, yaml.MappingNode):
        hint = 'for example data: {orderId: "{{ payload.orderId }}"}'
        notes.add(node, f"`data` must be a table of names and texts, not {kind_of(node)}", hint)
        return {}
    names = [str(key.value) for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode) or not is_data_key(str(key.value)):
            hint = "names are letters, digits and _ . -, and none of those that providers keep: from, google…, gcm…"
            notes.add(key, f"`{str(key.value)[:40]}` cannot be a name in `data`", hint)
    table = Table(node, notes, names)
    read = ((name, table.checked(name, _one_line), table.at(name)) for name in names if is_data_key(name))
    return {f"{DATA}{name}": (text, at) for name, text, at in read if text is not None and at is not None}


def _one_line(text: str) -> str:
    if "\n" in text.strip():
        raise ValueError("it must be one line")
    return text.strip()


def _layout(text: str) -> str:
    if NAME.fullmatch(text):
        return text
    raise ValueError(f"`{text[:64]}` is not the name of a layout: write it without folder, locale and ending")


def _ttl(text: str) -> str:
    if "{" not in text:
        parse_duration(text)
    return _one_line(text)


def _css(text: str) -> str:
    if text.strip() != "inline":
        raise ValueError("it can only be `inline`: the rules of <style> are put into the elements that they are for")
    return "inline"


#: What is a table or a list in the front matter: how it is read, each of its texts under a key of its own.
TABLES: Mapping[str, Callable[[yaml.Node, Notes], Texts]] = {
    "data": _data,
    "fields": fields,
    "buttons": buttons,
}

_CHECKS: Mapping[str, Callable[[str], str]] = {"layout": _layout, "ttl": _ttl, "css": _css}


def unknown_layout(name: str, known: Iterable[str]) -> tuple[str, str]:
    """What is wrong with a layout that is not there, and how to put it right."""
    names = sorted(known)
    hint = did_you_mean(name, names) if names else f"write layouts/{name}.html"
    return f"there is no layout `{name}`", hint
