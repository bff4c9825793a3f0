"""What commands answer: tables for people, JSON for programs, on standard output."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clarion.cli.notes import note

Item = Mapping[str, Any]

#: Wide enough for any line when nobody looks: programs must not get folded ids.
_UNFOLDED = 10_000


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its head, and what it shows of an item (a name in it, or a function of it)."""

    head: str
    shows: str | Callable[[Item], object]
    #: Numbers stand at the right.
    right: bool = False

    def text(self, item: Item) -> str:
        """What it shows of *item*."""
        return show(item.get(self.shows) if isinstance(self.shows, str) else self.shows(item))


def write_list(items: Iterable[Item], columns: Sequence[Column], *, as_json: bool, empty: str) -> None:
    """*items* as a table, or as one JSON object a line. *empty* is what people read when there are none."""
    if as_json:
        for item in items:
            print(json.dumps(item, ensure_ascii=False))
        return
    listed = list(items)
    if not listed:
        note(empty)
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column.head, justify="right" if column.right else "left", no_wrap=True, overflow="ignore")
    for item in listed:
        table.add_row(*(Text(column.text(item)) for column in columns))
    _print(table)


def write_one(item: Item, columns: Sequence[Column], *, as_json: bool) -> None:
    """*item* as lines of name and value, or as one JSON object."""
    if as_json:
        print(json.dumps(item, ensure_ascii=False))
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for column in columns:
        if text := column.text(item):
            table.add_row(column.head, Text(text))
    _print(table)


def show(value: object) -> str:
    """*value* for people."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:,.1f}"
        case int():
            return f"{value:,}"
        case str():
            return "".join(c if c.isprintable() else "\ufffd" for c in value)
        case _:
            return json.dumps(value, ensure_ascii=False)


def moment(name: str) -> Callable[[Item], str]:
    """Shows the time called *name* to the second, in UTC."""

    def shown(item: Item) -> str:
        value = item.get(name)
        return f"{str(value)[:19].replace('T', ' ')}Z" if value else ""

    return shown


def _print(renderable: object) -> None:
    from rich.console import Console

    # rich reads NO_COLOR, TERM and the width by itself
    if sys.stdout.isatty():
        Console().print(renderable, crop=False)
        return
    console = Console(width=_UNFOLDED)
    with console.capture() as captured:
        console.print(renderable)
    print("\n".join(line.rstrip() for line in captured.get().splitlines()))
