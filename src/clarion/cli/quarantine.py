"""``clarion quarantine``: messages of brokers that could not be used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from clarion.cli.options import Json, Limit
from clarion.cli.talks import talks

if TYPE_CHECKING:
    from clarion.cli.remote import Remote

app = typer.Typer(no_args_is_help=True, help="Messages of brokers that could not be used, and another chance for them.")

_Id = Annotated[str, typer.Argument(metavar="ID", help="Its id, as the list shows it.")]
_Ids = Annotated[list[str] | None, typer.Argument(metavar="ID", help="Messages by their ids.")]
_Source = Annotated[str | None, typer.Option("--source", metavar="NAME", help="Only those of this source.")]
_All = Annotated[bool, typer.Option("--all", help="Also those that were redriven.")]
_Every = Annotated[bool, typer.Option("--all", help="All that wait; with --source those of that source.")]
_Body = Annotated[bool, typer.Option("--body", help="Write the bytes as they came, and nothing else.")]

#: So many the API redrives in one call.
_AT_ONCE = 100


@app.command("list")
@talks
def list_(system: Remote, source: _Source = None, every: _All = False, limit: Limit = 20, json: Json = False) -> None:
    """List them, newest first, with the reasons."""
    from clarion.cli.table import Column, moment, write_list

    columns = [
        Column("id", "id"),
        Column("at", moment("at")),
        Column("source", "source"),
        Column("message", "message_id"),
        Column("bytes", "size", right=True),
        Column("redriven", moment("redriven_at")),
        Column("reason", "reason"),
    ]
    found = system.pages("quarantine", limit=limit, source=source, state="all" if every else "waiting")
    write_list(found, columns, as_json=json, empty="Nothing lies in quarantine.")


@app.command()
@talks
def show(system: Remote, id: _Id, body: _Body = False, json: Json = False) -> None:
    """Show one whole: its headers, its bytes, why it is there and what became of it."""
    import base64
    import sys

    from clarion.cli.table import Column, moment, write_one

    found = system.get("quarantine", id)
    if body:
        sys.stdout.buffer.write(base64.b64decode(found["body_base64"]))
        sys.stdout.buffer.flush()
        return
    columns = [
        Column("id", "id"),
        Column("reason", "reason"),
        Column("source", "source"),
        Column("message", "message_id"),
        Column("sent to", "subject"),
        Column("at", moment("at")),
        Column("redriven", moment("redriven_at")),
        Column("became", lambda one: ", ".join(one["triggers"])),
        Column("headers", "headers"),
        Column("bytes", "size"),
        Column("body", "body_text"),
    ]
    write_one(found, columns, as_json=json)


@app.command()
@talks
def redrive(
    system: Remote,
    ids: _Ids = None,
    every: _Every = False,
    source: _Source = None,
    json: Json = False,
) -> None:
    """Have them read again by the bindings as they are now.

    Exits with 1 when any stays where it is, with 3 when one of the ids is of none that waits there.
    """
    from clarion.cli.bar import Bar
    from clarion.cli.table import Column, write_one

    if bool(ids) == every:
        raise typer.BadParameter("give ids, or --all", param_hint="ID")
    if source is not None and not every:
        raise typer.BadParameter("it goes with --all", param_hint="--source")
    # All of them, before the first is redriven: the list changes with each.
    waiting = system.pages("quarantine", limit=1_000_000, source=source) if every else ()
    chosen = list(ids) if ids else [one["id"] for one in waiting]
    done = {"redriven": 0, "still": 0}
    with Bar("redriven", quiet=json or len(chosen) < 2) as bar:
        for few in _in_parts(chosen):
            for name, count in system.post("quarantine", "redrive", body={"ids": few}).items():
                done[name] += count
            bar.at(sum(done.values()), len(chosen))
    columns = [
        Column("redriven", lambda one: str(one["redriven"])),
        Column("still there", lambda one: str(one["still"])),
    ]
    write_one(done, columns, as_json=json)
    if done["still"]:
        raise typer.Exit(1)
    if ids and sum(done.values()) < len(set(ids)):
        raise typer.Exit(3)


def _in_parts(ids: Sequence[str]) -> Iterator[list[str]]:
    for first in range(0, len(ids), _AT_ONCE):
        yield list(ids[first : first + _AT_ONCE])
