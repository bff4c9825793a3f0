"""``clarion limits``: how fast things may go, who said so, and what waits for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clarion.cli.options import Json
from clarion.cli.talks import talks

if TYPE_CHECKING:
    from clarion.cli.remote import Remote

#: Where the API has each kind.
_PLACES = {"tenant": "tenants", "category": "categories", "provider": "providers", "queue": "queues"}

app = typer.Typer(no_args_is_help=True, help="Limits: list them with what waits, set or lift one.")

_Name = Annotated[
    str,
    typer.Argument(metavar="KIND:NAME", help="What: tenant:NAME, category:NAME, provider:ACCOUNT or queue:NAME."),
]
_Rate = Annotated[
    str, typer.Argument(metavar="RATE", help="How fast, e.g. 20/s, 5000/h, 20/s burst 5, 20/s reserve 10%.")
]


@app.command("list")
@talks
def list_(system: Remote, json: Json = False) -> None:
    """List limits, who set them, and how many jobs wait for each."""
    _write(system.get("limits")["items"], as_json=json)


@app.command("set")
@talks
def set_(system: Remote, name: _Name, rate: _Rate, json: Json = False) -> None:
    """Set a limit; it stands, whatever settings say, until it is lifted."""
    kind, *path = _path(name)
    found = system.call("PUT", *path, body={"rate": rate}).content
    if kind == "queue":  # it is told with the queue, and with the limit of what carries it
        found = next(one for one in system.get("limits")["items"] if one["limit"] == name)
    _write([found], as_json=json)


@app.command()
@talks
def lift(system: Remote, name: _Name) -> None:
    """Lift a limit; what settings say counts again when a worker starts.

    Of a domain that asked for patience (destination:…) all is forgotten.
    """

    path = _domain(name) if name.startswith("destination:") else _path(name)[1:]
    system.call("DELETE", *path)


@app.command()
@talks
def quota(
    system: Remote,
    tenant: Annotated[str, typer.Argument(metavar="TENANT", help="Whose.")],
    waiting: Annotated[
        int | None, typer.Option("--waiting", min=0, help="So many messages may wait before triggers are refused.")
    ] = None,
    recipients: Annotated[
        int | None, typer.Option("--recipients", min=0, help="So many recipients a day (UTC) may be named.")
    ] = None,
    lifted: Annotated[bool, typer.Option("--lift", help="Bound it by nothing.")] = False,
    json: Json = False,
) -> None:
    """Show how much a tenant may have waiting and reach a day, or set it.

    What is not said when it is set is not bounded then.
    """
    from clarion.cli.table import Column, write_one

    path = ("tenants", tenant, "quota")
    if lifted:
        system.call("DELETE", *path)
    elif waiting is not None or recipients is not None:
        system.call("PUT", *path, body={"max_waiting": waiting, "recipients_a_day": recipients})
    names = {"max_waiting": "may wait", "waiting": "waiting", "recipients_a_day": "a day", "recipients_today": "today"}
    columns = [Column("tenant", "tenant"), *(Column(title, name) for name, title in names.items())]
    write_one(system.get(*path), columns, as_json=json)


def _domain(name: str) -> tuple[str, ...]:
    """Where the API has a domain that asked an account for patience, as the list names it."""
    label, slash, domain = name.partition(":")[2].rpartition("/")
    if not slash or not label or not domain:
        raise typer.BadParameter(f"{name!r} is no destination:ACCOUNT/DOMAIN", param_hint="KIND:NAME")
    return "providers", label.rpartition(":")[2], "domains", domain


def _path(name: str) -> tuple[str, ...]:
    """The kind of the limit, and where the API has it."""
    from clarion.domain.suggest import did_you_mean

    kind, colon, rest = name.partition(":")
    if not colon or not rest:
        raise typer.BadParameter(f"{name!r} is no KIND:NAME, such as tenant:acme", param_hint="KIND:NAME")
    if kind == "workflow":
        raise typer.BadParameter("the rate of a workflow stands in its file", param_hint="KIND:NAME")
    if kind not in _PLACES:
        raise typer.BadParameter(
            f"there is no limit of a {kind}: {did_you_mean(kind, _PLACES)}", param_hint="KIND:NAME"
        )
    return kind, _PLACES[kind], rest.rpartition(":")[2] if kind == "provider" else rest, "rate"


def _write(found: list[dict[str, Any]], *, as_json: bool) -> None:
    from clarion.cli.table import Column, moment, show, write_list

    columns = [
        Column("limit", "limit"),
        Column("tenant", "tenant"),
        Column("rate", _rate),
        Column("set by", "set_by"),
        Column("waiting", lambda one: show(one["waiting"]) + ("+" if one["capped"] else ""), right=True),
        Column("paused until", moment("paused_until")),
        Column("reason", "reason"),
    ]
    write_list(found, columns, as_json=as_json, empty="There are no limits.")


def _rate(limit: Mapping[str, Any]) -> str | None:
    if limit["rate"] is None:
        return None
    burst = f" burst {limit['burst']}" if limit["burst"] > 1 else ""
    kept = f" reserve {limit['reserve']:.0%}" if limit["reserve"] else ""
    return f"{limit['rate']}{burst}{kept}"
