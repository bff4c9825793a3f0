"""``clarion addresses``: where a recipient can be reached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from clarion.cli.options import Json
from clarion.cli.talks import talks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clarion.cli.remote import Remote

app = typer.Typer(no_args_is_help=True, help="The addresses of recipients: several on a channel, one preferred.")

_Recipient = Annotated[str, typer.Argument(metavar="RECIPIENT", help="The id of the recipient.")]
_Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="An address of mail or a number, or its id (adr_…).")]
_New = Annotated[str, typer.Argument(metavar="ADDRESS", help="An address of mail, or a number with a +.")]
_Verified = Annotated[bool, typer.Option("--verified", help="It is known to be theirs.")]
_Preferred = Annotated[bool, typer.Option("--preferred", help="Messages go here from now on.")]
_Not = Annotated[bool, typer.Option("--not", help="It is not known to be theirs any more.")]
_Why = Annotated[str, typer.Option("--reason", help="Why nothing goes there from now on; empty: it is used again.")]


@app.command("list")
@talks
def list_(system: Remote, recipient: _Recipient, json: Json = False) -> None:
    """List a recipient's addresses, as they are used one after the other."""
    _write(_all(system, recipient), as_json=json)


@app.command()
@talks
def add(
    system: Remote,
    recipient: _Recipient,
    address: _New,
    verified: _Verified = False,
    preferred: _Preferred = False,
    json: Json = False,
) -> None:
    """Add an address to a recipient, or say that it is still there."""
    said = {"address": address, "verified": verified or None, "preferred": preferred or None}
    _write([system.call("POST", "recipients", recipient, "addresses", body=said).content], as_json=json)


@app.command()
@talks
def verify(
    system: Remote,
    recipient: _Recipient,
    address: _Address,
    unverified: _Not = False,
    json: Json = False,
) -> None:
    """Say that an address is known to be the recipient's.

    Finding that out, such as by a code that is sent there, is the application's.
    """

    _change(system, recipient, address, {"verified": not unverified}, as_json=json)


@app.command()
@talks
def prefer(system: Remote, recipient: _Recipient, address: _Address, json: Json = False) -> None:
    """Let messages go to an address, and to no other of its channel."""
    _change(system, recipient, address, {"preferred": True}, as_json=json)


@app.command()
@talks
def quarantine(system: Remote, recipient: _Recipient, address: _Address, reason: _Why, json: Json = False) -> None:
    """Set an address aside: it is kept, and nothing goes there.

    Where it was the preferred one, the next is.
    """

    _change(system, recipient, address, {"quarantine": reason}, as_json=json)


@app.command()
@talks
def remove(system: Remote, recipient: _Recipient, address: _Address) -> None:
    """Forget an address of a recipient."""
    system.call("DELETE", "recipients", recipient, "addresses", _id(system, recipient, address))


def _change(system: Remote, recipient: str, address: str, said: dict[str, Any], *, as_json: bool) -> None:
    path = ("recipients", recipient, "addresses", _id(system, recipient, address))
    _write([system.call("PUT", *path, body=said).content], as_json=as_json)


def _id(system: Remote, recipient: str, address: str) -> str:
    """The id of an address, in any spelling, or of an id. Raises `NotFound`."""
    from clarion.domain import contact
    from clarion.errors import NotFound

    if address.startswith("adr_"):
        return address
    channel, meant = contact.parse(address)
    mailbox = contact.mailbox_of(channel, meant)
    for one in _all(system, recipient):
        if one["channel"] == channel and contact.mailbox_of(channel, one["address"]) == mailbox:
            return str(one["id"])
    raise NotFound(f"{recipient} has no address {meant}")


def _all(system: Remote, recipient: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = system.get("recipients", recipient, "addresses")["items"]
    return found


def _write(found: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    from clarion.cli.table import Column, moment, write_list

    columns = [
        *(Column(name, name) for name in ("address", "channel", "preferred")),
        Column("verified", moment("verified_at")),
        Column("seen", moment("seen_at")),
        Column("set aside", moment("quarantined_at")),
        Column("why", "quarantine_reason"),
        Column("id", "id"),
    ]
    write_list(found, columns, as_json=as_json, empty="no addresses")
