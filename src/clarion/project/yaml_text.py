"""YAML as nodes that know their lines, read without ever building objects from it."""

from __future__ import annotations

import re

import yaml

from clarion.project.mistake import Mistake

#: Characters: PyYAML reads about a megabyte in ten seconds, and a workflow needs a thousandth of that.
LONGEST = 64 * 1024
DEEPEST = 16
MOST_NODES = 5_000
#: Aliases (`*name`) are never expanded into copies, so this many can do no harm.
MOST_ALIASES = 100

_QUOTES = "put the text in quotes"


def compose(text: str, file: str, first_line: int = 1) -> tuple[yaml.Node | None, list[Mistake]]:
    """The one document in *text*, as a node; None when there is none, or when it cannot be read.

    Nothing is constructed: tags and anchors stay what they are, and one key twice is seen by whoever walks the nodes.
    """
    if len(text) > LONGEST:
        return None, [Mistake(file=file, message=f"it is longer than {LONGEST // 1024} KiB")]
    try:
        if too_much := _too_much(text):
            return None, [Mistake(file=file, line=first_line, message=too_much)]
        return yaml.compose(text, Loader=yaml.SafeLoader), []
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + first_line, mark.column + 1) if mark else (None, None)
        return None, [Mistake(file=file, line=line, column=column, message=_problem(error), hint=_hint(error, text))]
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + first_line
        return None, [Mistake(file=file, line=line, message=f"it holds the character U+{error.character:04X}")]


def _too_much(text: str) -> str | None:
    """Why this is more than anybody writes, found before any of it is kept."""
    depth = nodes = aliases = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        nodes += isinstance(event, yaml.events.NodeEvent)
        aliases += isinstance(event, yaml.events.AliasEvent)
        if isinstance(event, yaml.events.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.events.CollectionEndEvent):
            depth -= 1
        for count, most, what in (
            (depth, DEEPEST, "levels"),
            (nodes, MOST_NODES, "values"),
            (aliases, MOST_ALIASES, "aliases"),
        ):
            if count > most:
                return f"it has more than {most:,} {what}"
    return None


def _problem(error: yaml.MarkedYAMLError) -> str:
    said = error.problem or error.context or ""
    if said.startswith("but ") and error.context:
        said = f"{error.context}, {said}"
    return "it is not YAML: " + said.replace("'<document start>'", "the beginning").replace("<", "").replace(">", "")


def _hint(error: yaml.MarkedYAMLError, text: str) -> str | None:
    """What is usually meant where YAML stumbles."""
    mark, problem = error.problem_mark, error.problem or ""
    lines = text.splitlines()  # the end of the text is on a line of its own, which is not among them
    line = lines[mark.line] if mark and mark.line < len(lines) else ""
    if "\t" in line and "token" in problem:
        return "indent with spaces, not with tabs"
    text_begins_oddly = (error.context or "").endswith((" tag", " anchor", " alias", " directive"))
    if text_begins_oddly or re.search(r":\s*[{%]", line):
        return _QUOTES
    if "mapping values are not allowed" in problem or "cannot start any token" in problem:
        return _QUOTES
    return None
