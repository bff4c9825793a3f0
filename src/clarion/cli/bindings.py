"""``clarion bindings``: what is done when something happens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clarion.cli.options import Json
from clarion.cli.talks import talks

if TYPE_CHECKING:
    from clarion.cli.remote import Remote


@talks
def bindings(system: Remote, json: Json = False) -> None:
    """List the bindings that are published: what each listens to, and what it does."""
    from clarion.cli.table import Column, moment, write_list

    columns = [
        Column("binding", "key"),
        Column("version", "version", right=True),
        Column("listens to", _on),
        Column("does", lambda one: ", ".join(map(_action, one["do"]))),
        Column("published", moment("updated_at")),
    ]
    found = system.get("bindings")["items"]
    write_list(found, columns, as_json=json, empty="There are no bindings: write bindings/<key>.yaml.")


def _on(binding: Any) -> str:
    """``nats orders/clarion``, ``bullmq mailer-queue`` or ``message.sent hello``."""
    ((kind, said),) = binding["on"].items()
    if kind == "nats":
        return f"nats {said['stream']}/{said['durable']}"
    named = [said[name] for name in ("queue", "workflow", "channel") if said.get(name)]
    return " ".join([kind, *named])


def _action(action: Any) -> str:
    """``trigger hello``, ``publish nats`` or ``timer.set``."""
    ((kind, said),) = action.items()
    named = said.get({"trigger": "workflow", "publish": "kind"}.get(kind, ""))
    return f"{kind} {named}" if named else str(kind)
