"""All words of a project: ``templates/<workflow>/…`` and ``layouts/…``, and how they hang together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from clarion.errors import Invalid
from clarion.project.files import list_files, read_text
from clarion.project.made import make
from clarion.project.mistake import Mistake, Severity
from clarion.project.word_file import WordFile, read_words, unknown_layout
from clarion.templates.source import TemplateSource

TEMPLATE_KEYS = frozenset(
    {"subject", "layout", "title", "url", "image", "collapse_key", "ttl", "data", "css", "fields", "buttons"}
)
LAYOUT_KEYS = frozenset({"layout"})
_PARTIAL = re.compile(r"""\{%-?\s*render\s+["']([^"']{1,100})["']""")

Group = tuple[WordFile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The files of words that could be read."""

    #: By workflow, then by template name.
    templates: Mapping[str, Mapping[str, Group]]
    #: Layouts and partials by name; those of MJML are in what was made of them.
    layouts: Mapping[str, Group]
    #: Names of layouts that are in words which were made of others.
    used: frozenset[str] = frozenset()


def read_all_words(folder: Path) -> tuple[Words, list[Mistake]]:
    """All templates and layouts of the project in *folder*, and what is wrong with each by itself."""
    mistakes: list[Mistake] = []
    templates: dict[str, dict[str, list[WordFile]]] = {}
    layouts: dict[str, list[WordFile]] = {}
    for path, below in _files(folder, "templates", 2, mistakes):
        if word := _read(folder, path, TEMPLATE_KEYS, mistakes):
            templates.setdefault(below[0], {}).setdefault(word.name, []).append(word)
    for path, _ in _files(folder, "layouts", 1, mistakes):
        if word := _read(folder, path, LAYOUT_KEYS, mistakes):
            layouts.setdefault(word.name, []).append(word)
    made = make({workflow: _grouped(named) for workflow, named in templates.items()}, _grouped(layouts))
    words = Words(templates=made.templates, layouts=made.layouts, used=made.used)
    return words, [*mistakes, *made.mistakes, *_check_layouts(words)]


def source(name: str, group: Group) -> TemplateSource:
    """*group* as the templates room takes it."""
    return TemplateSource(name=name, parts=tuple(word.part for word in group))


def reachable(groups: Iterable[Group], layouts: Mapping[str, Group]) -> set[str]:
    """The layouts and partials that *groups* use, and those that these use in turn; unknown ones left out."""
    waiting, found = [*groups], set[str]()
    while waiting:
        for word in waiting.pop():
            used = {str(word.part.matter.get("layout", "")), *_PARTIAL.findall(word.part.text)}
            for name in (used & layouts.keys()) - found:
                found.add(name)
                waiting.append(layouts[name])
    return found


def _files(folder: Path, room: str, depth: int, mistakes: list[Mistake]) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """The files that stand *depth* levels below *room*; a note of those that stand elsewhere."""
    try:
        for path in list_files(folder, room):
            below = path.relative_to(folder / room).parts
            if len(below) == depth:
                yield path, below
            else:
                where = "templates/<workflow>/" if depth == 2 else f"{room}/"
                message = f"it is not read: only files right in {where} are"
                file = path.relative_to(folder).as_posix()
                mistakes.append(Mistake(file=file, message=message, severity=Severity.WARNING))
    except Invalid as error:
        mistakes.append(Mistake(file=room, message=error.message))


def _read(folder: Path, path: Path, known: Iterable[str], mistakes: list[Mistake]) -> WordFile | None:
    file = path.relative_to(folder).as_posix()
    try:
        word, wrong = read_words(read_text(folder, path), file, known)
    except Invalid as error:
        mistakes.append(Mistake(file=file, message=error.message))
        return None
    mistakes += wrong
    return word


def _grouped(named: Mapping[str, list[WordFile]]) -> dict[str, Group]:
    return {name: tuple(words) for name, words in named.items()}


def _check_layouts(words: Words) -> Iterator[Mistake]:
    """Layouts that are not there, of the wrong kind, or that come back to themselves."""
    groups = [group for named in words.templates.values() for group in named.values()]
    for word in (word for group in [*groups, *words.layouts.values()] for word in group):
        name = word.part.matter.get("layout")
        if name is None:
            continue
        layout = words.layouts.get(str(name))
        if layout is None:
            yield word.mistake(*unknown_layout(str(name), words.layouts), key="layout")
        elif all(other.part.kind != word.part.kind for other in layout):
            message = f"the layout `{name}` has no .{word.part.kind} file"
            # Text can do without its frame; HTML cannot.
            severity = Severity.WARNING if word.part.kind == "txt" else Severity.ERROR
            yield word.mistake(message, f"write layouts/{name}.{word.part.kind}", key="layout", severity=severity)
    for name, group in words.layouts.items():
        if way := _way_back(name, words.layouts):
            inside = " → ".join(f"`{step}`" for step in way)
            for word in group:
                if word.part.matter.get("layout") == way[1]:
                    yield word.mistake(f"the layout comes back to itself: {inside}", "end the chain", key="layout")


def _way_back(start: str, layouts: Mapping[str, Group]) -> list[str] | None:
    """The shortest way by which the layout *start* stands in itself."""
    ways = [[start]]
    seen = set[str]()
    while ways:
        way = ways.pop(0)
        inner = {str(word.part.matter["layout"]) for word in layouts.get(way[-1], ()) if "layout" in word.part.matter}
        for name in sorted(inner):
            if name == start:
                return [*way, name]
            if name not in seen:
                seen.add(name)
                ways.append([*way, name])
    return None
