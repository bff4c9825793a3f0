"""``clarion providers``: the accounts at providers, how they stand, and taking one out of use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from clarion.cli.options import Json
from clarion.cli.talks import talks

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clarion.cli.remote import Remote

app = typer.Typer(no_args_is_help=True, help="Accounts at providers: list them, pause, resume and test one.")

_Name = Annotated[str, typer.Argument(metavar="NAME", help="The name of the account in the settings.")]

_To = Annotated[
    str, typer.Option("--to", metavar="WHERE", help="An address, number, token or chat; unless said, its own room.")
]
_Workflow = Annotated[str | None, typer.Option("--workflow", help="Whose words it has; unless said, it is a test.")]
_Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="A value of the payload, e.g. order.id=42. May be given often."),
]


@app.command("list")
@talks
def list_(system: Remote, json: Json = False) -> None:
    """List the accounts, and which of them are paused or left alone, and why."""
    _show(system.get("providers")["items"], as_json=json)


@app.command("pause")
@talks
def pause(system: Remote, name: _Name, json: Json = False) -> None:
    """Send nothing through an account until it is resumed.

    What other accounts may carry goes there; the rest waits.
    """

    _show([system.post("providers", name, "pause")], as_json=json)


@app.command("resume")
@talks
def resume(system: Remote, name: _Name, json: Json = False) -> None:
    """Use an account again, whatever is known of it.

    Its pause ends, and its breaker is closed.
    """

    _show([system.post("providers", name, "resume")], as_json=json)


@app.command("test")
@talks
def test(
    system: Remote,
    name: _Name,
    to: _To = "",
    workflow: _Workflow = None,
    set_: _Set = None,
    json: Json = False,
) -> None:
    """Send one message through an account now, and tell what its provider said."""
    from clarion.cli.audience import read_payload
    from clarion.cli.table import Column, write_one

    body = {"to": to, "workflow": workflow, "payload": read_payload(None, set_ or [])}
    tried = system.post("providers", name, "test", body={key: one for key, one in body.items() if one is not None})
    columns = [Column("taken", "ok"), Column("reason", "reason"), Column("took, ms", "took_ms")]
    write_one(tried, [*columns, Column("its id there", "provider_message_id")], as_json=json)
    if not tried["ok"]:
        raise typer.Exit(1)


def _show(found: Iterable[dict[str, Any]], *, as_json: bool) -> None:
    from clarion.cli.table import Column, moment, write_list

    columns = [
        *(Column(name, name) for name in ("name", "kind", "channel", "state")),
        Column("since", moment("since")),
        Column("again in, s", "again_in_s", right=True),
        Column("domains parked", "domains_parked", right=True),
        Column("slowed", "domains_slowed", right=True),
        Column("moved", "moved_points", right=True),
        Column("reason", lambda one: one["reason"] or one["moved_reason"]),
    ]
    write_list(
        found, columns, as_json=as_json, empty="There are no accounts: add a table [providers.NAME] to clarion.toml."
    )
