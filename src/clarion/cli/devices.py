"""``clarion devices``: what takes a recipient's push messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from clarion.cli.options import Json
from clarion.cli.talks import talks

if TYPE_CHECKING:
    from clarion.cli.remote import Remote

app = typer.Typer(no_args_is_help=True, help="The devices that take recipients' push messages.")

_Recipient = Annotated[str, typer.Argument(metavar="RECIPIENT", help="The id of the recipient.")]
_Device = Annotated[str, typer.Argument(metavar="DEVICE", help="The id of the device.")]


@app.command("list")
@talks
def list_(system: Remote, recipient: _Recipient, json: Json = False) -> None:
    """List a recipient's devices, those that were seen last first."""
    from clarion.cli.table import Column, moment, write_list

    columns = [*(Column(name, name) for name in ("id", "provider", "platform", "token"))]
    columns += [Column("seen", moment("seen_at")), Column("disabled", moment("disabled_at"))]
    columns += [Column("why", "disabled_reason")]
    found = system.get("recipients", recipient, "devices")["items"]
    write_list(found, columns, as_json=json, empty="no devices")


@app.command()
@talks
def delete(system: Remote, recipient: _Recipient, device: _Device) -> None:
    """Forget a recipient's device."""
    system.call("DELETE", "recipients", recipient, "devices", device)
