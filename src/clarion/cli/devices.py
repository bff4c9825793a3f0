"""``clarion devices``: what takes a recipient's push messages."""

from __future__ import annotations

from typing import Annotated

import typer

from clarion.cli.options import ApiKey, DataDir, Json, Project, Url

app = typer.Typer(no_args_is_help=True, help="The devices that take recipients' push messages.")

_Recipient = Annotated[str, typer.Argument(metavar="RECIPIENT", help="The id of the recipient.")]
_Device = Annotated[str, typer.Argument(metavar="DEVICE", help="The id of the device.")]


@app.command("list")
def list_(
    recipient: _Recipient,
    url: Url = None,
    api_key: ApiKey = None,
    project: Project = None,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """List a recipient's devices, those that were seen last first."""
    from clarion.cli.address import remote
    from clarion.cli.table import Column, moment, write_list

    columns = [*(Column(name, name) for name in ("id", "provider", "platform", "token"))]
    columns += [Column("seen", moment("seen_at")), Column("disabled", moment("disabled_at"))]
    columns += [Column("why", "disabled_reason")]
    found = remote(url, api_key, project, data_dir).get("recipients", recipient, "devices")["items"]
    write_list(found, columns, as_json=json, empty="no devices")


@app.command()
def delete(
    recipient: _Recipient,
    device: _Device,
    url: Url = None,
    api_key: ApiKey = None,
    project: Project = None,
    data_dir: DataDir = None,
) -> None:
    """Forget a recipient's device."""
    from clarion.cli.address import remote

    remote(url, api_key, project, data_dir).call("DELETE", "recipients", recipient, "devices", device)
