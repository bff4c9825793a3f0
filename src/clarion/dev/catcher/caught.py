"""What was caught, channel by channel, and the tabs by which people go from one to the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clarion.dev.fakes.chat_message import Said
from clarion.dev.fakes.twilio_message import Taken

#: The pages of all channels together, and of mail: path, and what it is called.
ALL, MAIL = ("/all", "All"), ("/", "Mail")


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

    @property
    def path(self) -> str:
        return f"/{self.name}"


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


def _said(name: str, heading: str, one: str, taken: Sequence[Said], tokens: Mapping[str, str] | None = None) -> Caught:
    def row(said: Said) -> Mapping[str, Any]:
        words = {"to": said.room, "sender": said.provider, "body": said.text, "buttons": said.buttons}
        return {**words, "status": "sent", "when": said.when}

    return Caught(name=name, heading=heading, one=one, taken=taken, row=row, tokens=tokens or {})


def tabs(here: str, mails: int, caught: Sequence[Caught]) -> list[dict[str, object]]:
    """A tab for all channels and for each, with how many are kept; that of the path *here* is the present one."""
    counts = [(*MAIL, mails), *((one.path, one.heading, len(one.taken)) for one in caught)]
    found = [(*ALL, sum(count for *_, count in counts)), *counts]
    return [{"path": path, "label": label, "count": f"{count:,}", "here": path == here} for path, label, count in found]
