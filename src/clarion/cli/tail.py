"""``clarion tail``: what comes in from brokers and what becomes of it, live."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from clarion.cli.options import Json
from clarion.cli.talks import talks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clarion.cli.remote import Remote

_Source = Annotated[str | None, typer.Option("--source", metavar="NAME", help="Only what comes by this source.")]
_Count = Annotated[int | None, typer.Option("--count", metavar="N", help="End after so many; else ^C ends it.", min=1)]

#: How often it is looked whether something has come.
_EVERY_S = 0.3
#: As many as a page has.
_PAGE = 100


@talks
def tail(system: Remote, source: _Source = None, count: _Count = None, json: Json = False) -> None:
    """Show messages as they come in, from a minute ago on.

    Each with the triggers that it became, or why it is in quarantine. What else it caused, such as a timer or a
    publication, is not said here.
    """
    import json as writing
    from itertools import islice

    for one in islice(_inbound(system, source), count):
        print(writing.dumps(one, ensure_ascii=False) if json else _line(one), flush=True)


def _inbound(system: Remote, source: str | None) -> Iterator[dict[str, Any]]:
    """What comes in, without end."""
    import time

    after: str | None = None
    while True:
        page = system.get("inbound", after=after, limit=_PAGE, source=source)
        yield from page["items"]
        after = page["next"]
        if len(page["items"]) < _PAGE:
            time.sleep(_EVERY_S)


def _line(one: dict[str, Any]) -> str:
    """One message for people."""
    from clarion.cli.table import moment, show

    became = [f"{workflow or '?'} {id}" for workflow, id in zip(one["workflows"], one["triggers"], strict=True)]
    what = ", ".join(became) or one["reason"] or "no trigger"
    words = (moment("at")(one), one["source"], one["message_id"], one["state"], what)
    return "  ".join(show(word) for word in words)
