"""What was caught, channel by channel, and the tabs by which people go from one to the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from clarion.dev.fakes.chat_message import Said
from clarion.dev.fakes.kept import Kept
from clarion.dev.fakes.twilio_message import Taken

#: The pages of all channels together, and of mail: path, and what it is called.
ALL, MAIL = ("/all", "All"), ("/", "Mail")


class Feeds(Protocol):
    """Where the messages in the app are: in feeds, and not here."""

    async def count(self) -> int:
        """How many there are."""

    async def newest(self, words: str, limit: int) -> Sequence[Said]:
        """The newest that have *words* in them, in any case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caught:
    """The messages of one channel, which grow meanwhile."""

    #: Of the path, and of the list in the JSON.
    name: str
    #: As the page calls them, and one of them.
    heading: str
    one: str
    taken: Sequence[Any]
    #: What people see of one: `to`, `sender`, `body`, `status` and `when`, and of a chat message its `buttons`.
    row: Callable[[Any], Mapping[str, Any]]
    #: Where messages may go to be caught, by kind of provider.
    tokens: Mapping[str, str]
    #: Where they are instead of in `taken`.
    feeds: Feeds | None = None

    @property
    def path(self) -> str:
        return f"/{self.name}"

    @property
    def kept(self) -> str:
        """How many of them are kept, for people; "" where nothing is to be said of it."""
        if self.feeds is not None:
            return "As the database has them: what is read or removed there is so here."
        if not isinstance(self.taken, Kept):
            return ""
        most = f"The newest {self.taken.most:,} are kept, {self.taken.most_octets // 1024**2} MiB at most, in memory"
        gone = f" {self.taken.gone:,} older ones are gone." if self.taken.gone else ""
        return f"{most}: until the catcher ends.{gone}"

    async def count(self) -> int:
        """How many there are to be seen."""
        return len(self.taken) if self.feeds is None else await self.feeds.count()

    async def newest(self, query: str, limit: int) -> list[Any]:
        """The newest that have *query* in where they went, sender or words, in any case."""
        words = query.casefold().strip()
        if self.feeds is not None:
            return list(await self.feeds.newest(words, limit))
        found: list[Any] = []
        for one in reversed(self.taken):
            row = self.row(one)
            if words in f"{row['to']}\n{row['sender']}\n{row['body']}".casefold():
                found.append(one)
                if len(found) == limit:
                    break
        return found


def texts(taken: Sequence[Taken]) -> Caught:
    """The text messages that were *taken*."""

    def row(one: Taken) -> Mapping[str, str]:
        return {"to": one.to, "sender": one.sender, "body": one.body, "status": one.status, "when": one.created}

    return Caught(name="texts", heading="Text messages", one="text message", taken=taken, row=row, tokens={})


def pushes(taken: Sequence[Said], tokens: Mapping[str, str]) -> Caught:
    """The push messages that were *taken*; devices may be registered with *tokens*."""
    return _said("pushes", "Push messages", "push message", taken, tokens)


def chats(taken: Sequence[Said]) -> Caught:
    """The chat messages that were *taken*."""
    return _said("chats", "Chat messages", "chat message", taken)


def webhooks(taken: Sequence[Said]) -> Caught:
    """The webhooks that were *taken*."""
    return _said("webhooks", "Webhooks", "webhook", taken)


def in_app(feeds: Feeds) -> Caught:
    """The messages in *feeds*."""

    def row(said: Said) -> Mapping[str, Any]:
        return {**_row(said), "status": str(said.body.get("status", ""))}

    return Caught(
        name="in_app", heading="In the app", one="message in the app", taken=(), row=row, tokens={}, feeds=feeds
    )


def _said(name: str, heading: str, one: str, taken: Sequence[Said], tokens: Mapping[str, str] | None = None) -> Caught:
    return Caught(name=name, heading=heading, one=one, taken=taken, row=_row, tokens=tokens or {})


def _row(said: Said) -> Mapping[str, Any]:
    words = {"to": said.room, "sender": said.provider, "body": said.text, "buttons": said.buttons}
    return {**words, "status": "sent", "when": said.when}


async def tabs(here: str, mails: int, caught: Sequence[Caught]) -> list[dict[str, object]]:
    """A tab for all channels and for each, with how many are kept; that of the path *here* is the present one."""
    counts = [(*MAIL, mails), *[(one.path, one.heading, await one.count()) for one in caught]]
    found = [(*ALL, sum(count for *_, count in counts)), *counts]
    return [{"path": path, "label": label, "count": f"{count:,}", "here": path == here} for path, label, count in found]
