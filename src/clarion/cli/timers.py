"""``clarion timers``: what is to happen at a time unless it is cancelled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from clarion.cli.options import Json, Limit
from clarion.cli.runs import runs
from clarion.cli.talks import talks

if TYPE_CHECKING:
    from clarion.cli.remote import Remote

app = typer.Typer(no_args_is_help=True, help="What is to happen at a time, unless it is cancelled.")
# What waits in a delay of a workflow waits for its time, too.
app.command("runs")(runs)

_Key = Annotated[str, typer.Argument(metavar="KEY", help="The key of the timer, or its id.")]
_Status = Annotated[str | None, typer.Option("--status", help="Those that are pending, fired or cancelled.")]
_Prefix = Annotated[str | None, typer.Option("--key-prefix", help="Those whose key begins so.")]
_Metadata = Annotated[
    list[str] | None,
    typer.Option("--metadata", metavar="NAME=VALUE", help="Metadata; may be given several times."),
]
_At = Annotated[str | None, typer.Option("--at", metavar="TIME", help="When, e.g. 2026-01-31T09:30:00Z.")]
_In = Annotated[str | None, typer.Option("--in", metavar="LENGTH", help="How long from now, e.g. 90s or 3h.")]
_Actions = Annotated[
    str,
    typer.Option("--actions", metavar="JSON", help="What it does, as a JSON array; @FILE reads a file, - is stdin."),
]


@app.command("list")
@talks
def list_(
    system: Remote,
    status: _Status = None,
    key_prefix: _Prefix = None,
    metadata: _Metadata = None,
    limit: Limit = 20,
    json: Json = False,
) -> None:
    """List timers, the next to fire first; those of one beginning by key."""
    from clarion.cli.table import write_list

    asked = {"status": status, "key_prefix": key_prefix}
    asked |= {f"metadata.{name}": value for name, value in _pairs(metadata).items()}
    found = system.pages("timers", limit=limit, **asked)
    write_list(found, _columns(), as_json=json, empty="There are no such timers.")


@app.command()
@talks
def show(system: Remote, key: _Key, json: Json = False) -> None:
    """Show a timer and what it does."""
    _write(system.get("timers", key), as_json=json)


@app.command("set")
@talks
def set_(
    system: Remote,
    key: _Key,
    actions: _Actions,
    at: _At = None,
    in_: _In = None,
    metadata: _Metadata = None,
    json: Json = False,
) -> None:
    """Set a timer, or give the one that is there another time and other actions."""
    if (at is None) == (in_ is None):
        raise typer.BadParameter("say either --at or --in", param_hint="--at")
    when = {"at": at} if at is not None else {"in": in_}
    body = {**when, "actions": _read(actions), "metadata": _pairs(metadata)}
    _write(system.call("PUT", "timers", key, body=body).content, as_json=json)


@app.command()
@talks
def cancel(system: Remote, key: _Key, json: Json = False) -> None:
    """Cancel a pending timer: it will not fire."""
    _write(system.post("timers", key, "cancel"), as_json=json)


@app.command()
@talks
def uncancel(system: Remote, key: _Key, json: Json = False) -> None:
    """Let a cancelled timer fire after all; at once if its time is past."""
    _write(system.post("timers", key, "uncancel"), as_json=json)


@app.command()
@talks
def hurry(system: Remote, key: _Key, json: Json = False) -> None:
    """Let a pending timer fire now."""
    _write(system.post("timers", key, "hurry"), as_json=json)


def _pairs(given: list[str] | None) -> dict[str, str]:
    pairs = [one.partition("=") for one in given or ()]
    if wrong := [name for name, mark, _ in pairs if not mark or not name]:
        raise typer.BadParameter(f"{wrong[0]!r} is not NAME=VALUE", param_hint="--metadata")
    return {name: value for name, _, value in pairs}


def _read(given: str) -> Any:
    import sys
    from json import JSONDecodeError, loads
    from pathlib import Path

    try:
        if given == "-":
            given = sys.stdin.read()
        elif given.startswith("@"):
            given = Path(given[1:]).read_text(encoding="utf-8")
        return loads(given)
    except (OSError, UnicodeDecodeError, JSONDecodeError) as error:
        raise typer.BadParameter(f"this is no JSON: {error}", param_hint="--actions") from None


def _columns() -> list[Any]:
    from clarion.cli.table import Column, moment

    return [
        Column("key", "key"),
        Column("status", "status"),
        Column("at", moment("at")),
        Column("does", lambda one: ", ".join(next(iter(action)) for action in one["actions"])),
        Column("metadata", lambda one: one["metadata"] or None),
        Column("id", "id"),
    ]


def _write(timer: dict[str, Any], *, as_json: bool) -> None:
    from clarion.cli.table import Column, moment, write_one

    more = [
        Column("actions", "actions"),
        Column("failed", "error"),
        Column("set", moment("updated_at")),
        Column("fired", moment("fired_at")),
        Column("cancelled", moment("cancelled_at")),
    ]
    write_one(timer, [*_columns(), *more], as_json=as_json)
