"""``clarion chats``: where a recipient's chat messages go."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clarion.cli.options import Json
from clarion.cli.talks import talks

if TYPE_CHECKING:
    from clarion.cli.remote import Remote

app = typer.Typer(no_args_is_help=True, help="The chats and rooms that take recipients' chat messages.")

_Recipient = Annotated[str, typer.Argument(metavar="RECIPIENT", help="The id of the recipient.")]
_Chat = Annotated[str, typer.Argument(metavar="CHAT", help="The id of the chat.")]


@app.command("list")
@talks
def list_(system: Remote, recipient: _Recipient, json: Json = False) -> None:
    """List a recipient's chats, those that were seen last first."""
    _show(system.get("recipients", recipient, "chats")["items"], as_json=json)


@app.command()
@talks
def put(
    system: Remote,
    recipient: _Recipient,
    chat: _Chat,
    provider: Annotated[str, typer.Option("--provider", help="The kind of account that reaches it, e.g. telegram.")],
    account: Annotated[str | None, typer.Option("--account", help="The account, where it must be that one.")] = None,
    address: Annotated[
        str | None,
        typer.Option(
            "--address",
            help="Where it is, as the provider has it; - reads it from standard input, as that of a webhook is a "
            "secret. Left out, the account's own room.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Register a recipient's chat, or say where it is now."""
    where = sys.stdin.readline().strip() if address == "-" else address
    given = {"provider": provider, "account": account, "address": where}
    body = {name: value for name, value in given.items() if value is not None}
    reply = system.call("PUT", "recipients", recipient, "chats", chat, body=body)
    _show([reply.content], as_json=json)


@app.command()
@talks
def delete(system: Remote, recipient: _Recipient, chat: _Chat) -> None:
    """Forget a recipient's chat."""
    system.call("DELETE", "recipients", recipient, "chats", chat)


def _show(found: list[Any], *, as_json: bool) -> None:
    from clarion.cli.table import Column, moment, write_list

    columns = [*(Column(name, name) for name in ("id", "provider", "account", "address"))]
    columns += [Column("seen", moment("seen_at")), Column("disabled", moment("disabled_at"))]
    columns += [Column("why", "disabled_reason")]
    write_list(found, columns, as_json=as_json, empty="no chats")
