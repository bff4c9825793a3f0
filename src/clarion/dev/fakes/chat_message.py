"""A chat message at one of the fakes: as its ledger has it, and as pages show it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import format_datetime
from typing import Any

from clarion import clock

#: What of a message's fields is its words, whichever provider's.
_WORDS = frozenset({"text", "title", "description", "content", "fallback", "alt_text"})
_BOUND_TO_BE_SHOWN = 20_000
_MOST_BUTTONS = 25
_WEB = re.compile(r"https?://")
#: Of which part of a button are its words, whichever provider's.
_LABELS = ("text", "title", "label")
#: Of which type is what leads somewhere and is no button.
_NO_BUTTONS = frozenset({"link", "text_link", "image", "rich"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A message that was taken: by it the provider and Clarion's database are compared."""

    #: As the provider numbers it.
    id: str
    provider: str
    #: Where it was written: a chat, a channel, or a webhook without its secret.
    room: str
    #: What people read, without markup.
    text: str
    #: What stands on its buttons, and where they lead.
    buttons: tuple[tuple[str, str], ...] = ()
    #: As it came.
    body: dict[str, object] = field(repr=False)
    when: str = field(default_factory=lambda: format_datetime(clock.now(), usegmt=True))


def words_of(body: object) -> str:
    """All that is to be read in *body*, a line each, nothing twice; but what stands on buttons."""
    return "\n".join(dict.fromkeys(_words(body)))[:_BOUND_TO_BE_SHOWN]


def buttons_of(body: object) -> tuple[tuple[str, str], ...]:
    """What stands on the buttons in *body*, and where they lead, as far as that is to the web."""
    found = ((_label(part), str(part["url"])) for part in _parts(body) if _is_button(part))
    return tuple((label, url) for label, url in found if _WEB.match(url))[:_MOST_BUTTONS]


def _words(part: object) -> Iterator[str]:
    if isinstance(part, list):
        for one in part:
            yield from _words(one)
    elif isinstance(part, dict) and (field := _field(part)):
        yield field
    elif isinstance(part, dict) and not _is_button(part):
        for key, value in part.items():
            if key == "text" and "blocks" in part:
                continue  # stands for them where they are not shown
            if key in _WORDS and isinstance(value, str):
                yield from (line for line in re.split(r"\n+", value) if line.strip())
            else:
                yield from _words(value)


def _parts(part: object) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        yield part
    for one in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from _parts(one)


def _field(part: dict[str, Any]) -> str | None:
    """A label with its value, as Discord, Teams and Slack have it; of a bare link where it leads."""
    match part:
        case {"name": str(label), "value": str(value)}:
            return f"{label}: {value}"
        case {"type": "ColumnSet", "columns": list(columns)}:
            return ": ".join("\n".join(_words(column)) for column in columns)
        case {"type": "plain_text", "text": str(text)}:
            return text.replace("\n", ": ", 1)
        case {"type": "link", "url": str(url)} if not part.get("text"):
            return url
        case _:
            return None


def _is_button(part: dict[str, Any]) -> bool:
    return isinstance(part.get("url"), str) and part.get("type") not in _NO_BUTTONS and bool(_label(part))


def _label(part: dict[str, Any]) -> str:
    """What stands on a button; of Slack's the text is an object."""
    said = next((part[key] for key in _LABELS if part.get(key)), "")
    return str(said.get("text", "") if isinstance(said, dict) else said)
