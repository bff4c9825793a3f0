"""``clarion providers``: the accounts at providers, how they stand, and taking one out of use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from clarion.cli.options import ApiKey, DataDir, Json, Project, Url

if TYPE_CHECKING:
    from collections.abc import Iterable

app = typer.Typer(no_args_is_help=True, help="Accounts at providers: list them, pause and resume one.")

_Name = Annotated[str, typer.Argument(metavar="NAME", help="The name of the account in the settings.")]


@app.command("list")
def list_(
    url: Url = None, api_key: ApiKey = None, project: Project = None, data_dir: DataDir = None, json: Json = False
) -> None:
    """List the accounts, and which of them are paused or left alone, and why."""
    from clarion.cli.address import remote

    _show(remote(url, api_key, project, data_dir).get("providers")["items"], as_json=json)


@app.command("pause")
def pause(
    name: _Name,
    url: Url = None,
    api_key: ApiKey = None,
    project: Project = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Send nothing through an account until it is resumed.

    What other accounts may carry goes there; the rest waits.
    """
    from clarion.cli.address import remote

    _show([remote(url, api_key, project, data_dir).post("providers", name, "pause")], as_json=json)


@app.command("resume")
def resume(
    name: _Name,
    url: Url = None,
    api_key: ApiKey = None,
    project: Project = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Use an account again, whatever is known of it.

    Its pause ends, and its breaker is closed.
    """
    from clarion.cli.address import remote

    _show([remote(url, api_key, project, data_dir).post("providers", name, "resume")], as_json=json)


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
