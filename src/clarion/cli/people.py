"""Files of people: CSV and JSONL, as recipients of the API."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from clarion.errors import Invalid

#: What a recipient has; any other column of a CSV file is of its `data`.
FIELDS = ("id", "name", "email", "phone", "locale", "timezone", "data")

#: Items the API takes in one call.
MANY = 10_000


def read_people(file: str) -> Iterator[dict[str, Any]]:
    """The recipients in *file* (``-`` is standard input): CSV with a head line if it is called so, else JSONL.

    Raises `Invalid` with the line.
    """
    with opened(file) as source:
        yield from (_from_csv if file.endswith(".csv") else _from_jsonl)(source, file)


def read_ids(file: str) -> Iterator[str]:
    """The ids in *file*: its column ``id`` if it has a head line with one, else the first of each line."""
    with opened(file) as source:
        rows = csv.reader(source)
        first = next(rows, None)
        if first is None:
            return
        place = first.index("id") if "id" in first else 0
        if "id" not in first:
            yield first[0].strip()
        for row in rows:
            if len(row) > place and row[place].strip():
                yield row[place].strip()


def chunks(items: Iterator[Any], size: int = MANY) -> Iterator[list[Any]]:
    """*items* in lists of at most *size*."""
    while chunk := list(islice(items, size)):
        yield chunk


@contextmanager
def opened(file: str) -> Iterator[TextIO]:
    """*file*, or standard input for ``-``, as text. Raises `Invalid`."""
    if file == "-":
        yield sys.stdin
        return
    try:
        # A byte order mark, as spreadsheets write it, is none of the first column's name.
        with Path(file).open(encoding="utf-8-sig", newline="") as source:
            yield source
    except OSError as error:
        raise Invalid(f"{file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise Invalid(f"{file} is not UTF-8.") from None


def _from_csv(source: TextIO, file: str) -> Iterator[dict[str, Any]]:
    rows = csv.DictReader(source, restkey="")
    if "id" not in (rows.fieldnames or ()):
        raise Invalid(f"{file}:1: there is no column `id`: the first line names the columns.")
    for row in rows:
        if "" in row or None in row.values():
            raise Invalid(f"{file}:{rows.line_num}: it has not as many columns as the first line.")
        given = {name: value for name, value in row.items() if value != ""}
        person: dict[str, Any] = {name: given[name] for name in FIELDS if name in given and name != "data"}
        data = {name: value for name, value in given.items() if name not in FIELDS}
        yield {**person, "data": data} if data else person


def _from_jsonl(source: TextIO, file: str) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(source, start=1):
        if not line.strip():
            continue
        try:
            person = json.loads(line)
        except json.JSONDecodeError as error:
            raise Invalid(f"{file}:{number}:{error.colno}: it is not JSON: {error.msg}.") from None
        if not isinstance(person, dict):
            raise Invalid(f"{file}:{number}: it is no JSON object.")
        yield person
