"""``clarion.toml``: what it sets, and everything that is wrong with it, each with its line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from clarion.domain.suggest import did_you_mean, nearest
from clarion.errors import Invalid
from clarion.project.files import read_text
from clarion.project.mistake import Mistake
from clarion.project.setting import Setting, every_setting
from clarion.project.several import SeveralFaults

NAME = "clarion.toml"
_PLACE = re.compile(r" \(at line (\d+), column (\d+)\)$")


def read_settings_file(folder: Path) -> tuple[dict[str, object], dict[str, int], list[Mistake]]:
    """The settings in *folder*'s ``clarion.toml``, checked one by one; none when there is no such file.

    Answers the values by dotted name, the lines on which they and the entries of tables stand, and all mistakes.
    """
    if not (folder / NAME).exists():
        return {}, {}, []
    try:
        text = read_text(folder, folder / NAME)
        data = tomllib.loads(text)
    except Invalid as error:
        return {}, {}, [Mistake(file=NAME, message=error.message)]
    except tomllib.TOMLDecodeError as error:
        place = _PLACE.search(str(error))  # "(at end of document)" is the other form
        line, column = (int(place[1]), int(place[2])) if place else (text.count("\n") + 1, None)
        return {}, {}, [Mistake(file=NAME, line=line, column=column, message=_PLACE.sub("", str(error)))]
    except RecursionError:
        return {}, {}, [Mistake(file=NAME, message="it is nested too deeply")]
    return _check(data, text)


def place_of(entry: str, origins: Mapping[str, str], lines: Mapping[str, int]) -> dict[str, Any]:
    """The place of a mistake in a setting, or in one entry of a setting that is a table."""
    origin = origins.get(entry) or origins[entry.partition(".")[0]]
    return {"file": NAME, "line": lines[entry]} if entry in lines and origin.startswith(NAME) else at(origin)


def at(origin: str) -> dict[str, Any]:
    """An origin as the place of a mistake: the file with its line, or the name of a variable or a flag."""
    file, colon, line = origin.rpartition(":")
    return {"file": file, "line": int(line)} if colon and file == NAME else {"file": origin}


def _check(data: Mapping[str, object], text: str) -> tuple[dict[str, object], dict[str, int], list[Mistake]]:
    known = {setting.name: setting for setting in every_setting() if setting.in_file}
    values: dict[str, object] = {}
    lines = _lines(text)
    mistakes: list[Mistake] = []
    for name, value in _flat(data, {setting.group for setting in known.values()}):
        setting = known.get(name)
        if setting is None:
            hint = _hint(name, value, known)
            mistakes.append(Mistake(file=NAME, line=lines.get(name), message=f"unknown setting `{name}`", hint=hint))
            continue
        try:
            values[name] = setting.read(value, as_text=False)
        except SeveralFaults as faults:
            mistakes += [
                Mistake(file=NAME, line=_nearest(f"{name}.{place}", lines), message=f"`{name}`: {what}")
                for place, what in faults.each
            ]
        except ValueError as error:
            whole = Mistake(file=NAME, line=lines.get(name), message=f"`{name}`: {error}", hint=setting.expected)
            mistakes += list(_entries(setting, value, lines)) or [whole]
    return values, lines, mistakes


def _entries(setting: Setting, value: object, lines: Mapping[str, int]) -> Iterator[Mistake]:
    """The entries of a table that are wrong by themselves, each on its line."""
    table = value if isinstance(value, Mapping) else {}
    for key in table:
        if error := _refused(setting, {key: table[key]}):
            line = _nearest(f"{setting.name}.{key}", lines)
            yield Mistake(file=NAME, line=line, message=f"`{setting.name}`: {error}", hint=setting.expected)


def _refused(setting: Setting, value: object) -> str | None:
    """Why *value* cannot be used; None when it can."""
    try:
        setting.read(value, as_text=False)
    except ValueError as error:
        return str(error)
    return None


def _flat(data: Mapping[str, object], groups: set[str]) -> Iterator[tuple[str, object]]:
    """Each setting by its dotted name; a table that is no group is one unknown setting."""
    for key, value in data.items():
        if key in groups and isinstance(value, dict):
            yield from ((f"{key}.{inner}", deeper) for inner, deeper in value.items())
        else:
            yield key, value


def _hint(name: str, value: object, known: Mapping[str, Setting]) -> str:
    """A near name; of a right key in the wrong table, the right table; of a wrong table, the table that was meant."""
    group, _, key = name.rpartition(".")
    elsewhere = [other for other in known if other.rpartition(".")[2] == key]
    if elsewhere and (group or not isinstance(value, Mapping)):
        return f"did you mean `{elsewhere[0]}`?"
    near = [other for other in known if other.rpartition(".")[0] == group]
    if group:
        return did_you_mean(name, near)
    tables = {setting.group for setting in known.values() if setting.group}
    return (
        f"did you mean `{found}`?" if (found := nearest(name, {*near, *tables})) else "see docs/reference/settings.md"
    )


def _nearest(place: str, lines: Mapping[str, int]) -> int | None:
    """The line of *place*, or else of what it stands in."""
    while place not in lines and "." in place:
        place = place.rpartition(".")[0]
    return lines.get(place)


def _lines(text: str) -> dict[str, int]:
    """Where tables and keys stand, by dotted name: the first line of each.

    Tables of lists, ``[[name.key]]``, are ``name.key.1``, ``name.key.2`` … as well.
    """
    found: dict[str, int] = {}
    counts: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if match := re.match(r"""\s*(\[\[?)\s*([\w."'-]+)\s*\]""", line):
            table = place = re.sub("[\"']", "", match[2])
            if match[1] == "[[":
                counts[place] = counts.get(place, 0) + 1
                table = place = f"{place}.{counts[place]}"
        elif match := re.match(r"""\s*["']?([\w.-]+)["']?\s*(\.[\w.-]+\s*)?=""", line):
            key = match[1] + (match[2] or "").strip()
            place = f"{table}.{key}" if table else key
        else:
            continue
        while place:
            found.setdefault(place, number)
            place = place.rpartition(".")[0]
    return found
