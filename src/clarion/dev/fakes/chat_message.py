"""A chat message at one of the fakes: as its ledger has it, and as pages show it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import format_datetime

from clarion import clock

#: What of a message's fields is its words, whichever provider's.
_WORDS = frozenset({"text", "title", "description", "content", "fallback", "alt_text"})
_BOUND_TO_BE_SHOWN = 20_000


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
    #: As it came.
    body: dict[str, object] = field(repr=False)
    when: str = field(default_factory=lambda: format_datetime(clock.now(), usegmt=True))


def words_of(body: object) -> str:
    """All that is to be read in *body*, a line each, nothing twice."""
    return "\n".join(dict.fromkeys(_words(body)))[:_BOUND_TO_BE_SHOWN]


def _words(part: object) -> Iterator[str]:
    if isinstance(part, list):
        for one in part:
            yield from _words(one)
    elif isinstance(part, dict):
        for key, value in part.items():
            if key in _WORDS and isinstance(value, str):
                yield from (line for line in re.split(r"\n+", value) if line.strip())
            else:
                yield from _words(value)
