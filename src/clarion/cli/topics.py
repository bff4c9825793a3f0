"""``clarion topics``: groups of recipients."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from clarion.cli.options import ApiKey, DataDir, Json, Project, Url

app = typer.Typer(no_args_is_help=True, help="Groups of recipients that are triggered as one.")

_Key = Annotated[str, typer.Argument(metavar="KEY", help="The key of the topic.")]
_Ids = Annotated[list[str] | None, typer.Argument(metavar="ID", help="Recipients by their ids.")]
_Csv = Annotated[
    str | None,
    typer.Option("--csv", metavar="FILE", help="A CSV file of ids: the column id, or the first; - is stdin."),
]
_Name = Annotated[str | None, typer.Option("--name", help="What people call it.")]


@app.command()
def show(
    key: _Key,
    url: Url = None,
    api_key: ApiKey = None,
    project: Project = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Show a topic and how many belong to it."""
    from clarion.cli.address import remote

    _write(remote(url, api_key, project, data_dir).get("topics", key), as_json=json)


@app.command()
def put(
    key: _Key,
    name: _Name = None,
    url: Url = None,
    api_key: ApiKey = None,
    project: Project = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Create a topic, or rename it; its members stay."""
    from clarion.cli.address import remote

    system = remote(url, api_key, project, data_dir)
    _write(system.call("PUT", "topics", key, body={} if name is None else {"name": name}).content, as_json=json)


@app.command()
def add(
    key: _Key,
    ids: _Ids = None,
    csv: _Csv = None,
    url: Url = None,
    api_key: ApiKey = None,
    project: Project = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Put recipients into a topic, named here or in a file."""
    from clarion.cli.address import remote
    from clarion.cli.bar import Bar
    from clarion.cli.load import add_members
    from clarion.cli.table import Column, write_one

    listed = _listed(ids, csv)
    system = remote(url, api_key, project, data_dir)
    with Bar("members", quiet=json or csv is None) as bar:
        done = add_members(system, key, iter(listed), bar, whole=len(listed))
    write_one(done, [Column(name, name) for name in done], as_json=json)


@app.command()
def remove(
    key: _Key,
    ids: _Ids = None,
    csv: _Csv = None,
    url: Url = None,
    api_key: ApiKey = None,
    project: Project = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Take recipients out of a topic; who is not in it is passed over."""
    from clarion.cli.address import remote
    from clarion.cli.people import chunks
    from clarion.cli.table import Column, write_one

    listed = _listed(ids, csv)
    system, removed, members = remote(url, api_key, project, data_dir), 0, 0
    for chunk in chunks(iter(listed)):
        answer = system.post("topics", key, "members", "remove", body={"ids": chunk})
        removed, members = removed + answer["removed"], answer["members"]
    done = {"removed": removed, "members": members}
    write_one(done, [Column(name, name) for name in done], as_json=json)


@app.command()
def delete(
    key: _Key, url: Url = None, api_key: ApiKey = None, project: Project = None, data_dir: DataDir = None
) -> None:
    """Forget a topic; its recipients stay."""
    from clarion.cli.address import remote

    remote(url, api_key, project, data_dir).call("DELETE", "topics", key)


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
