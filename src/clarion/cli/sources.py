"""``clarion sources``: where messages come from, and how that goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clarion.cli.options import Json
from clarion.cli.talks import talks

if TYPE_CHECKING:
    from clarion.cli.remote import Remote


@talks
def sources(system: Remote, json: Json = False) -> None:
    """Show the sources that bindings listen to.

    Whether each is connected, what came, and what the trouble is.
    """
    from clarion.cli.table import Column, moment, write_list

    columns = [
        Column("source", "name"),
        Column("state", "state"),
        Column("workers", lambda one: len(one["workers"]), right=True),
        Column("in hand", lambda one: sum(worker["in_hand"] for worker in one["workers"]), right=True),
        Column("accepted", "accepted", right=True),
        Column("repeated", "repeated", right=True),
        Column("quarantined", "quarantined", right=True),
        Column("last message", moment("last_message_at")),
        Column("trouble", _trouble),
    ]
    found = system.get("sources")["items"]
    write_list(found, columns, as_json=json, empty="No source has been opened yet: bindings name them.")


def _trouble(source: Any) -> str:
    return next((worker["trouble"] for worker in source["workers"] if worker["trouble"]), "")
