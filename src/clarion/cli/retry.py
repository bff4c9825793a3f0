"""``clarion retry``: another chance for messages that did not get through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from clarion.cli.options import Json
from clarion.cli.talks import talks

if TYPE_CHECKING:
    from clarion.cli.remote import Remote

_Ids = Annotated[list[str] | None, typer.Argument(metavar="ID", help="Messages that failed, expired or are unknown.")]
_Trigger = Annotated[str | None, typer.Option("--trigger", help="All such messages of this trigger.")]
_Status = Annotated[str, typer.Option("--status", help="With --trigger: those that are failed, expired or unknown.")]

_RETRYABLE = ("failed", "expired", "unknown")


@talks
def retry(
    system: Remote,
    ids: _Ids = None,
    trigger: _Trigger = None,
    status: _Status = "failed",
    json: Json = False,
) -> None:
    """Send messages again that did not get through.

    They must have failed, expired, or be of those of which nobody knows.
    """
    from clarion.cli.bar import Bar
    from clarion.cli.table import Column, write_list

    if bool(ids) == bool(trigger):
        raise typer.BadParameter("give ids, or a trigger with --trigger", param_hint="ID")
    if status not in _RETRYABLE:
        raise typer.BadParameter("expected failed, expired or unknown", param_hint="--status")
    chosen = list(ids) if ids else _of(system, trigger, status)
    retried = []
    with Bar("retried", quiet=json or len(chosen) < 2) as bar:
        for number, id in enumerate(chosen, start=1):
            retried.append(system.post("messages", id, "retry"))
            bar.at(number, len(chosen))
    columns = [Column("id", "id"), Column("recipient", "recipient"), Column("status", "status")]
    write_list(retried, columns, as_json=json, empty=f"No message of this trigger is {status}.")


def _of(system: Remote, trigger: str | None, status: str) -> list[str]:
    """All of them, before the first is retried: the list changes with each."""
    return [one["id"] for one in system.pages("messages", limit=1_000_000, trigger=trigger, status=status)]
