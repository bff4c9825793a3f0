"""``clarion messages``: what became of each message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from clarion.cli.options import Json, Limit
from clarion.cli.talks import talks

if TYPE_CHECKING:
    from clarion.cli.remote import Remote

_Id = Annotated[str | None, typer.Argument(metavar="ID", help="One message, with all that happened to it.")]
_Trigger = Annotated[str | None, typer.Option("--trigger", help="Those of this trigger.")]
_Recipient = Annotated[str | None, typer.Option("--recipient", help="Those to this recipient.")]
_Workflow = Annotated[str | None, typer.Option("--workflow", help="Those of this workflow.")]
_Channel = Annotated[str | None, typer.Option("--channel", help="Those on this channel.")]
_Status = Annotated[str | None, typer.Option("--status", help="Those in this status, e.g. failed.")]


@talks
def messages(
    system: Remote,
    id: _Id = None,
    trigger: _Trigger = None,
    recipient: _Recipient = None,
    workflow: _Workflow = None,
    channel: _Channel = None,
    status: _Status = None,
    limit: Limit = 20,
    json: Json = False,
) -> None:
    """List messages, newest first; show one with its timeline."""
    from clarion.cli.table import Column, moment, write_list, write_one

    columns = [
        Column("id", "id"),
        Column("recipient", "recipient"),
        Column("channel", "channel"),
        Column("status", "status"),
        Column("attempts", "attempts", right=True),
        Column("created", moment("created_at")),
        Column("reason", "reason"),
    ]
    if id is None:
        asked = {"trigger": trigger, "recipient": recipient, "workflow": workflow, "channel": channel, "status": status}
        found = system.pages("messages", limit=limit, **asked)
        write_list(found, columns, as_json=json, empty="There are no such messages.")
        return
    more = [
        Column("workflow", "workflow"),
        Column("trigger", "trigger"),
        Column("address", "address"),
        Column("provider", "provider"),
        Column("provider's id", "provider_message_id"),
        Column("possibly twice", lambda one: "yes" if one["possible_duplicate"] else None),
        Column("sent", moment("sent_at")),
        Column("read", moment("read_at")),
        Column("opened", moment("opened_at")),
        Column("clicked", moment("clicked_at")),
        Column("by machines", _by_machines),
        Column("next attempt", moment("next_attempt_at")),
        Column("expires", moment("expires_at")),
    ]
    message = system.get("messages", id)
    write_one(message, [*columns, *more], as_json=json)
    if not json:
        print()
        timeline = [Column("at", moment("at")), Column("what", _what), Column("detail", "detail")]
        write_list(message["timeline"], timeline, as_json=False, empty="")


def _by_machines(message: Any) -> str | None:
    """How often programs did what looks like reading it."""
    done = [f"{one['kind']} {one['hits']} times" for one in message["engagement"] if one["machine"]]
    return ", ".join(done) or None


def _what(entry: Any) -> str:
    if entry["kind"] != "attempt":
        return str(entry["kind"])
    return f"attempt {entry['number']}: {entry['status']} by {entry['provider']}"
