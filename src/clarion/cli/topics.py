"""``clarion topics``: groups of recipients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from clarion.cli.options import Json
from clarion.cli.talks import talks

if TYPE_CHECKING:
    from clarion.cli.remote import Remote

app = typer.Typer(no_args_is_help=True, help="Groups of recipients that are triggered as one.")

_Key = Annotated[str, typer.Argument(metavar="KEY", help="The key of the topic.")]
_Ids = Annotated[list[str] | None, typer.Argument(metavar="ID", help="Recipients by their ids.")]
_Csv = Annotated[
    str | None,
    typer.Option("--csv", metavar="FILE", help="A CSV file of ids: the column id, or the first; - is stdin."),
]
_Name = Annotated[str | None, typer.Option("--name", help="What people call it.")]


@app.command()
@talks
def show(system: Remote, key: _Key, json: Json = False) -> None:
    """Show a topic and how many belong to it."""
    _write(system.get("topics", key), as_json=json)


@app.command()
@talks
def put(system: Remote, key: _Key, name: _Name = None, json: Json = False) -> None:
    """Create a topic, or rename it; its members stay."""
    _write(system.call("PUT", "topics", key, body={} if name is None else {"name": name}).content, as_json=json)


@app.command()
@talks
def add(system: Remote, key: _Key, ids: _Ids = None, csv: _Csv = None, json: Json = False) -> None:
    """Put recipients into a topic, named here or in a file."""
    from clarion.cli.bar import Bar
    from clarion.cli.load import add_members
    from clarion.cli.table import Column, write_one

    listed = _listed(ids, csv)
    with Bar("members", quiet=json or csv is None) as bar:
        done = add_members(system, key, iter(listed), bar, whole=len(listed))
    write_one(done, [Column(name, name) for name in done], as_json=json)


@app.command()
@talks
def remove(system: Remote, key: _Key, ids: _Ids = None, csv: _Csv = None, json: Json = False) -> None:
    """Take recipients out of a topic; who is not in it is passed over."""
    from clarion.cli.people import chunks
    from clarion.cli.table import Column, write_one

    listed = _listed(ids, csv)
    removed, members = 0, 0
    for chunk in chunks(iter(listed)):
        answer = system.post("topics", key, "members", "remove", body={"ids": chunk})
        removed, members = removed + answer["removed"], answer["members"]
    done = {"removed": removed, "members": members}
    write_one(done, [Column(name, name) for name in done], as_json=json)


@app.command()
@talks
def delete(system: Remote, key: _Key) -> None:
    """Forget a topic; its recipients stay."""
    system.call("DELETE", "topics", key)


def _listed(ids: list[str] | None, csv: str | None) -> list[str]:
    if not ids and csv is None:
        raise typer.BadParameter("name recipients, or a file of them with --csv", param_hint="ID")
    from clarion.cli.people import read_ids

    return [*(ids or ()), *(read_ids(csv) if csv is not None else ())]


def _write(topic: dict[str, Any], *, as_json: bool) -> None:
    from clarion.cli.table import Column, moment, write_one

    columns = [
        Column("key", "key"),
        Column("name", "name"),
        Column("members", "members"),
        Column("created", moment("created_at")),
    ]
    write_one(topic, columns, as_json=as_json)
