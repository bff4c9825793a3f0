"""``clarion runs``: who waits in a delay of a workflow, and until when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from clarion.cli.options import Json, Limit
from clarion.cli.talks import talks

if TYPE_CHECKING:
    from clarion.cli.remote import Remote

_Id = Annotated[str | None, typer.Argument(metavar="ID", help="One run; without it those that wait are listed.")]
_Hurry = Annotated[bool, typer.Option("--hurry", help="Cut its delay short: it goes on at once.")]
_Trigger = Annotated[str | None, typer.Option("--trigger", help="Those of this trigger.")]
_Workflow = Annotated[str | None, typer.Option("--workflow", help="Those of this workflow.")]
_Recipient = Annotated[str | None, typer.Option("--recipient", help="Those of this recipient.")]


@talks
def runs(
    system: Remote,
    id: _Id = None,
    hurry: _Hurry = False,
    trigger: _Trigger = None,
    workflow: _Workflow = None,
    recipient: _Recipient = None,
    limit: Limit = 20,
    json: Json = False,
) -> None:
    """List the runs that wait in a delay, of the newest trigger first; hurry one."""
    from clarion.cli.table import Column, moment, write_list, write_one

    if id is None and hurry:
        raise typer.BadParameter("say which run", param_hint="ID")
    columns = [
        Column("id", "id"),
        Column("workflow", "workflow"),
        Column("recipient", "recipient"),
        Column("waits in", "step"),
        Column("goes on", moment("resumes_at")),
        Column("trigger", "trigger"),
    ]
    if id is None:
        asked = {"trigger": trigger, "workflow": workflow, "recipient": recipient}
        found = system.pages("runs", limit=limit, **asked)
        write_list(found, columns, as_json=json, empty="No run waits.")
        return
    if hurry:
        system.post("runs", id, "hurry")
    more = [Column("status", "status"), Column("created", moment("created_at"))]
    write_one(system.get("runs", id), [*columns, *more], as_json=json)
