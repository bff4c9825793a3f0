"""What was handed over and is not settled: by the tags that one channel numbers its deliveries with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from aiormq.abc import AbstractChannel as Channel

from clarion.brokers.base import Delivery


class Token(NamedTuple):
    """What a delivery is settled by: a tag, of one channel alone."""

    channel: Channel | None
    tag: int


class Tags:
    """The open tags, in their order, with the ids of their messages."""

    def __init__(self) -> None:
        self._ids: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, tag: int, id: str) -> None:
        self._ids[tag] = id

    def id(self, tag: int) -> str:
        return self._ids[tag]

    def of(self, deliveries: Sequence[Delivery], channel: Channel | None) -> list[int]:
        """The open tags of *deliveries*: of those that came over *channel* and are not settled."""
        tags = []
        for delivery in deliveries:
            token = delivery.token
            assert isinstance(token, Token)
            if token.channel is channel and token.tag in self._ids:
                tags.append(token.tag)
        return tags

    def still_open(self, tags: Iterable[int]) -> list[int]:
        return [tag for tag in tags if tag in self._ids]

    def split(self, tags: Sequence[int]) -> tuple[list[int], list[int]]:
        """*tags* as those that can be settled as one, up to the first that is to stay open, and those behind it."""
        theirs = set(tags)
        first: list[int] = []
        for tag in self._ids:
            if tag not in theirs:
                break
            first.append(tag)
        return first, sorted(theirs.difference(first))

    def remove(self, tags: Iterable[int]) -> None:
        for tag in tags:
            self._ids.pop(tag, None)
