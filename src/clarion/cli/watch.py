"""Following a trigger live: a bar for people, one JSON object a change for programs."""

from __future__ import annotations

import json
from typing import Any

import typer

from clarion.cli import notes
from clarion.cli.bar import Bar
from clarion.cli.remote import Remote

#: Where a message is when nothing more happens by itself, apart from those that went well.
_NOT_WELL = ("failed", "bounced", "expired", "unknown", "cancelled", "skipped")
_OPEN = ("queued", "sending")


def watch(system: Remote, id: str, *, as_json: bool) -> None:
    """Show trigger *id* until it has ended. Exits with 1 when a message failed, bounced, expired or is unknown."""
    shown: dict[str, Any] = {}
    with Bar("messages", quiet=as_json) as bar:
        for name, shown in system.events("triggers", id, "events"):
            if as_json and name == "progress":
                print(json.dumps(shown, ensure_ascii=False), flush=True)
            bar.at(done(shown), whole(shown), note=pace(shown))
    notes.note(f"{id}: {shown['status']}; {note(shown['messages']) or 'no messages'}")
    if any(shown["messages"][status] for status in ("failed", "bounced", "expired", "unknown")):
        raise typer.Exit(1)


def done(trigger: dict[str, Any]) -> int:
    """How many of its messages have come to an end."""
    messages: dict[str, int] = trigger["messages"]
    return sum(count for status, count in messages.items() if status not in _OPEN)


def whole(trigger: dict[str, Any]) -> int:
    """How many messages it will have, as far as one can know: those to come are like those before."""
    made: int = sum(trigger["messages"].values())
    total: int = trigger["recipients"]["total"] or 0
    expanded: int = trigger["recipients"]["expanded"]
    to_come = max(0, total - expanded)
    return made + (to_come * made // expanded if expanded else to_come)


def note(messages: dict[str, int]) -> str:
    """How many are in each status where any is: what went well first."""
    well = [status for status in messages if status not in _NOT_WELL]
    return ", ".join(f"{messages[status]:,} {status}" for status in (*well, *_NOT_WELL) if messages.get(status))


def pace(trigger: dict[str, Any]) -> str:
    """The same of *trigger*, how many runs wait, and how many messages come to an end per second."""
    rate, waiting = trigger["rate_per_s"], trigger["runs"]["waiting"]
    waits = f"; {waiting:,} wait in a delay" if waiting else ""
    return note(trigger["messages"]) + waits + (f"; {rate:,.0f}/s" if rate else "")
