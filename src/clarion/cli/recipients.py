"""``clarion recipients``: the people who hear of things."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from clarion.cli.options import Json
from clarion.cli.talks import talks

if TYPE_CHECKING:
    from clarion.cli.load import Loaded
    from clarion.cli.remote import Remote

app = typer.Typer(no_args_is_help=True, help="The people who hear of things.")

_Id = Annotated[str, typer.Argument(metavar="ID", help="The id of the recipient.")]
_File = Annotated[
    str, typer.Argument(metavar="FILE", help="A .csv file with a head line, or one JSON object a line; - is stdin.")
]
_Topic = Annotated[str | None, typer.Option("--topic", help="Put them into this topic as well; made if need be.")]
#: Faults shown of a file that has many.
_SHOWN = 20


@app.command()
@talks
def show(system: Remote, id: _Id, json: Json = False) -> None:
    """Show a recipient."""
    from clarion.cli.table import Column, moment, write_one

    columns = [*(Column(name, name) for name in ("id", "name", "email", "phone", "locale", "timezone"))]
    columns += [Column("data", lambda one: one["data"] or None), Column("created", moment("created_at"))]
    write_one(system.get("recipients", id), columns, as_json=json)


@app.command("import")
@talks
def import_(system: Remote, file: _File, topic: _Topic = None, json: Json = False) -> None:
    """Create or replace many recipients from a file.

    One that is wrong does not keep out the others. Exits with 1 when one was.
    """
    from clarion.cli.bar import Bar
    from clarion.cli.load import add_members, load_people
    from clarion.cli.people import read_people
    from clarion.cli.table import Column, write_one

    people = list(read_people(file))
    with Bar("recipients", quiet=json) as bar:
        loaded = load_people(system, people, bar, whole=len(people))
    done = {"created": loaded.created, "updated": loaded.updated, "invalid": len(loaded.invalid)}
    if topic is not None:
        wrong = {one["number"] for one in loaded.invalid}
        ids = list(dict.fromkeys(one["id"] for number, one in enumerate(people, start=1) if number not in wrong))
        _ensure_topic(system, topic)
        with Bar("members", quiet=json) as bar:
            done["members"] = add_members(system, topic, iter(ids), bar, whole=len(ids))["members"]
    write_one(done, [Column(name, name) for name in done], as_json=json)
    _tell_invalid(loaded, file)


@app.command()
@talks
def delete(system: Remote, id: _Id) -> None:
    """Forget a recipient, with their memberships and feed."""
    system.call("DELETE", "recipients", id)


def _ensure_topic(system: Remote, key: str) -> None:
    """Make topic *key* unless there is one: putting it again would take its name away."""
    from clarion.cli.refused import Refused

    try:
        system.get("topics", key)
    except Refused as refused:
        if refused.status != 404:
            raise
        system.call("PUT", "topics", key, body={})


def _tell_invalid(loaded: Loaded, file: str) -> None:
    for one in loaded.invalid[:_SHOWN]:
        why = "; ".join(f"{fault['pointer'].split('/', 3)[-1]}: {fault['detail']}" for fault in one["errors"])
        print(f"{file}: recipient {one['number']}: {why}", file=sys.stderr)
    if len(loaded.invalid) > _SHOWN:
        print(f"{file}: and {len(loaded.invalid) - _SHOWN:,} more", file=sys.stderr)
    if loaded.invalid:
        raise typer.Exit(1)
