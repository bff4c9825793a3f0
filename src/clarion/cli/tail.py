"""``clarion tail``: what comes in from brokers, which timers fire, and what becomes of it, live."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from clarion.cli.options import Json
from clarion.cli.talks import talks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clarion.cli.remote import Remote

_Source = Annotated[
    str | None, typer.Option("--source", metavar="NAME", help="Only what comes by this source, or `timers`.")
]
_Count = Annotated[int | None, typer.Option("--count", metavar="N", help="End after so many; else ^C ends it.", min=1)]

#: How often it is looked whether something has come.
_EVERY_S = 0.3
#: As many as a page has.
_PAGE = 100
#: What stands where the source of a message does.
TIMERS = "timers"


@talks
def tail(system: Remote, source: _Source = None, count: _Count = None, json: Json = False) -> None:
    """Show messages as they come in and timers as they fire, from a minute ago on.

    Each message with the triggers that it became, the timers that it set or took back and what it published, or why it
    is in quarantine; each timer with what it did. With a key that may not read timers, only messages.
    """
    import json as writing
    from itertools import islice

    for one in islice(_all(system, source), count):
        print(writing.dumps(one, ensure_ascii=False) if json else _line(one), flush=True)


def _all(system: Remote, source: str | None) -> Iterator[dict[str, Any]]:
    """What comes in and what fires, without end."""
    import time

    after: str | None = None
    fired = _Fired(system) if source in (None, TIMERS) else None
    while True:
        page: dict[str, Any] = {"items": []}
        if source != TIMERS:
            page = system.get("inbound", after=after, limit=_PAGE, source=source)
            after = page["next"]
        timers = fired.more() if fired is not None else []
        yield from sorted([*page["items"], *timers], key=_when)
        if len(page["items"]) < _PAGE and len(timers) < _PAGE:
            time.sleep(_EVERY_S)


class _Fired:
    """Timers as they fire."""

    def __init__(self, system: Remote) -> None:
        from datetime import timedelta

        from clarion import clock

        self._system = system
        self._since = (clock.now() - timedelta(minutes=1)).isoformat()
        self._after: str | None = None
        self._may = True

    def more(self) -> list[dict[str, Any]]:
        """The next of those that fired since the last look; none for who may not read timers."""
        from clarion.cli.refused import Refused

        if not self._may:
            return []
        try:
            page = self._system.get("timers", fired_after=self._since, after=self._after, limit=_PAGE)
        except Refused as refused:
            if refused.status != 403:
                raise
            self._may = False
            return []
        self._after = page["next"]
        return [{"source": TIMERS, **one} for one in page["items"]]


def _when(one: dict[str, Any]) -> Any:
    from datetime import datetime

    return datetime.fromisoformat(one["updated_at"] if one["source"] == TIMERS else one["at"])


def _line(one: dict[str, Any]) -> str:
    """One message, or one timer, for people."""
    from clarion.cli.table import moment, show

    if one["source"] == TIMERS:
        what = one["error"] or ", ".join(map(_did, one["actions"]))
        words = (moment("fired_at")(one), one["source"], one["key"], one["status"], what)
    else:
        became = [f"{workflow or '?'} {id}" for workflow, id in zip(one["workflows"], one["triggers"], strict=True)]
        what = ", ".join([*became, *one["did"]]) or one["reason"] or "nothing"
        words = (moment("at")(one), one["source"], one["message_id"], one["state"], what)
    return "  ".join(show(word) for word in words)


def _did(action: dict[str, Any]) -> str:
    """What one action of a timer was."""
    ((kind, said),) = action.items()
    if kind == "publish":
        return " ".join([kind, said["kind"], *said.get("target", {}).values()])
    return f"{kind} {said['workflow'] if kind == 'trigger' else said['key']}"
