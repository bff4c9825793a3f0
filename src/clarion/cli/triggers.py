"""``clarion triggers``: what was triggered, and how far it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from clarion.cli.options import Json, Limit
from clarion.cli.talks import talks

if TYPE_CHECKING:
    from collections.abc import Callable

    from clarion.cli.remote import Remote

_Id = Annotated[str | None, typer.Argument(metavar="ID", help="One trigger; without it they are listed.")]
_Watch = Annotated[bool, typer.Option("--watch", help="Follow it until everyone has heard.")]
_Cancel = Annotated[bool, typer.Option("--cancel", help="Cancel it: what is not on its way yet never will be.")]
_Workflow = Annotated[str | None, typer.Option("--workflow", help="Those of this workflow.")]
_Status = Annotated[
    str | None, typer.Option("--status", help="Those that are accepted, expanding, running, completed or cancelled.")
]
_TransactionId = Annotated[str | None, typer.Option("--transaction-id", help="Those with this id of yours.")]


@talks
def triggers(
    system: Remote,
    id: _Id = None,
    watch: _Watch = False,
    cancel: _Cancel = False,
    workflow: _Workflow = None,
    status: _Status = None,
    transaction_id: _TransactionId = None,
    limit: Limit = 20,
    json: Json = False,
) -> None:
    """List triggers, newest first; show, follow or cancel one."""
    from clarion.cli.table import Column, moment, write_list, write_one
    from clarion.cli.watch import note
    from clarion.cli.watch import watch as follow

    if id is None and (watch or cancel):
        raise typer.BadParameter("say which trigger", param_hint="ID")
    columns = [
        Column("id", "id"),
        Column("workflow", "workflow"),
        Column("status", "status"),
        Column("recipients", lambda one: one["recipients"]["expanded"], right=True),
        Column("of", lambda one: one["recipients"]["total"], right=True),
        Column("created", moment("created_at")),
        Column("waiting", lambda one: one["runs"]["waiting"] or None, right=True),
        Column("messages", lambda one: note(dict(one["messages"]))),
    ]
    if id is None:
        asked = {"workflow": workflow, "status": status, "transaction_id": transaction_id}
        found = system.pages("triggers", limit=limit, **asked)
        write_list(found, columns, as_json=json, empty="There are no such triggers.")
        return
    if cancel:
        system.post("triggers", id, "cancel")
    if watch:
        follow(system, id, as_json=json)
        return
    more = [
        Column("version", "workflow_version"),
        Column("priority", "priority"),
        Column("channels", lambda one: ", ".join(one["channels"] or ())),
        Column("per second", "rate_per_s"),
        Column("seconds left", "eta_s"),
        Column("transaction", "transaction_id"),
        Column("metadata", lambda one: one["metadata"] or None),
        Column("to be sent", moment("send_at")),
        Column("expires", moment("expires_at")),
        Column("completed", moment("completed_at")),
        Column("cancelled", moment("cancelled_at")),
    ]
    found = system.get("triggers", id)
    if not json and found["status"] in ("accepted", "expanding"):
        more.append(Column("stands still", _why_it_stands(system, id)))
    write_one(found, [*columns, *more], as_json=json)


def _why_it_stands(system: Remote, id: str) -> Callable[[Any], str | None]:
    """What is said of the job that expands trigger *id*, if it is buried; nothing where the key may not ask."""
    from clarion.cli.refused import Refused

    try:
        job = system.get("jobs", id)
    except Refused:
        return lambda _: None
    why = f"{job['error']}; `clarion queues {job['queue']} --redrive` when the cause is mended"
    return lambda _: why if job["state"] == "buried" else None
