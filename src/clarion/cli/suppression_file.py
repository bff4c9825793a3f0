"""Files of suppressions: CSV and NDJSON, read and written."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, TextIO

from clarion.cli.people import opened
from clarion.errors import Invalid

#: What a file says of an address; what else stands in it is passed over.
FIELDS: Final = ("address", "channel", "category", "reason", "detail", "expires_at")
#: … and what is written besides, for whoever reads it.
_ALSO: Final = ("created_at",)
#: Items the API takes in one call.
MANY: Final = 1_000
#: What a spreadsheet takes for a formula. Numbers begin with one of these.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")

Item = Mapping[str, Any]


def read_suppressions(file: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The suppressions in *file* (``-`` is standard input): CSV with a head line if it is called so, else NDJSON.

    Each with its line.

    Raises `Invalid` with the line.
    """
    with opened(file) as source:
        yield from (_from_csv if file.endswith(".csv") else _from_ndjson)(source, file)


def write_csv(items: Iterable[Item], out: TextIO) -> None:
    """*items* with a head line. What spreadsheets would take for a formula has a ``'`` before it; reading drops it."""
    writer = csv.writer(out, lineterminator="\n")
    names = (*FIELDS, *_ALSO)
    writer.writerow(names)
    for item in items:
        writer.writerow([_tame(str(item[name])) if item[name] is not None else "" for name in names])


def write_ndjson(items: Iterable[Item], out: TextIO) -> None:
    """*items*, one JSON object a line."""
    for item in items:
        out.write(json.dumps({name: item[name] for name in (*FIELDS, *_ALSO)}, ensure_ascii=False) + "\n")


FORMATS: Final[Mapping[str, Callable[[Iterable[Item], TextIO], None]]] = {"csv": write_csv, "ndjson": write_ndjson}


def _tame(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _wild(text: str) -> str:
    return text[1:] if text[:1] == "'" and text[1:].startswith(_FORMULA) else text


def _from_csv(source: TextIO, file: str) -> Iterator[tuple[int, dict[str, Any]]]:
    head = source.readline()
    apart = ";" if ";" in head and "," not in head else ","  # as spreadsheets write where a comma is in numbers
    names = [name.strip().lower() for name in next(csv.reader([head], delimiter=apart), [])]
    if "address" not in names:
        has = f", and has {', '.join(f'`{name}`' for name in names)}" if any(names) else ""
        raise Invalid(f"{file}:1: there is no column `address`: the first line names the columns{has}.")
    rows = csv.DictReader(source, names, restkey="", delimiter=apart)
    for row in rows:
        if "" in row or None in row.values():
            raise Invalid(f"{file}:{rows.line_num + 1}: it has not as many columns as the first line.")
        yield rows.line_num + 1, {name: _wild(row[name]) for name in FIELDS if row.get(name)}


def _from_ndjson(source: TextIO, file: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(source, start=1):
        if not line.strip():
            continue
        try:
            item = json.loads(line)
        except json.JSONDecodeError as error:
            raise Invalid(f"{file}:{number}:{error.colno}: it is not JSON: {error.msg}.") from None
        if not isinstance(item, dict):
            raise Invalid(f"{file}:{number}: it is no JSON object.")
        yield number, {name: item[name] for name in FIELDS if item.get(name) is not None}
