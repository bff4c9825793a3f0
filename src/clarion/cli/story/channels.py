"""The rest of the story: one message on each channel that is not mail, and what the catcher has of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from clarion.cli.remote import Remote
from clarion.cli.story.mailbox import Mailbox

READY = "room-ready"
SAYS = {"room": 12, "orderId": "12345"}
#: In the internet, where nobody has it (RFC 2606): were it not caught, it would come to nothing.
_HOOK = "https://travel.example/hooks/aurora"
_CHAT, _DEVICE = "telegram", "fcm"


class Place(NamedTuple):
    """How a channel is known to the catcher, and to people."""

    channel: str
    #: Of the path of its JSON, and of the list in it.
    caught: str
    noun: str


PLACES: Sequence[Place] = (
    Place("sms", "texts", "text messages"),
    Place("push", "pushes", "push messages"),
    Place("chat", "chats", "chat messages"),
    Place("webhook", "webhooks", "webhooks"),
)


def settle_in(system: Remote, mailbox: Mailbox, guest: str) -> None:
    """Give *guest*, who has a number already, a phone, a chat, and a travel agency that is told by webhook."""
    token = mailbox.tokens()[_DEVICE]
    system.call("PUT", "recipients", guest, "devices", "phone", body={"provider": _DEVICE, "token": token})
    system.call("PUT", "recipients", guest, "chats", "chat", body={"provider": _CHAT})
    system.post("recipients", guest, "webhooks", body={"url": _HOOK, "workflows": [READY]})


def said(system: Remote, mailbox: Mailbox, guest: str) -> list[Mapping[str, Any]]:
    """What *guest* was told on each channel but mail, as the feed and the catcher have it."""
    (item, *_) = system.get("recipients", guest, "feed")["items"]
    rows: list[Mapping[str, Any]] = [{"channel": "in_app", "to": guest, "said": _line(item["title"], item["body"])}]
    for place in PLACES:
        for one in mailbox.caught(place.caught):
            text, to = one.get("text") or one.get("body"), one.get("room") or one.get("to")
            if place.channel == "webhook":  # as it was posted, in one line
                text = one["body"]["body"]
            rows.append({"channel": place.channel, "to": str(to)[:40], "said": _line(text)})
    return rows


def _line(*texts: object) -> str:
    words = " · ".join(line.strip() for text in texts for line in str(text).splitlines() if line.strip())
    return words if len(words) <= 90 else words[:89] + "…"
