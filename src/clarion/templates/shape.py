"""What the words of each channel are made of: a row of a table for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from clarion.domain.step import Channel
from clarion.templates.source import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The files and the front matter that one channel reads."""

    #: As a sentence begins with one of its messages.
    noun: str
    #: The files that are read, the usual one first.
    kinds: tuple[Kind, ...]
    #: The line of the front matter that must be there; None where there is none.
    head: str | None = None
    #: All front matter that means something.
    keys: frozenset[str] = frozenset()


SHAPES: Mapping[Channel, Shape] = {
    Channel.EMAIL: Shape(noun="a mail", kinds=("html", "txt"), head="subject", keys=frozenset({"subject", "layout"})),
    Channel.SMS: Shape(noun="a text message", kinds=("txt",)),
    Channel.PUSH: Shape(
        noun="a push message",
        kinds=("txt",),
        head="title",
        keys=frozenset({"title", "url", "image", "collapse_key", "ttl", "data"}),
    ),
    Channel.CHAT: Shape(
        noun="a chat message", kinds=("txt",), keys=frozenset({"title", "url", "image", "fields", "buttons"})
    ),
    Channel.IN_APP: Shape(noun="a feed item", kinds=("txt",), head="title", keys=frozenset({"title", "url"})),
}
