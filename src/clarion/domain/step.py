"""The steps of a workflow: those that make a message, and those that wait."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from clarion.domain.attachment import Reference


class Channel(StrEnum):
    """The kinds of channel that exist; each has a queue of its name."""

    EMAIL = "email"
    SMS = "sms"
    PUSH = "push"
    CHAT = "chat"
    IN_APP = "in_app"
    WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelStep:
    """Makes one message on one channel."""

    key: str
    channel: Channel
    #: The name of the template under ``templates/<workflow>/``; the step's channel unless said.
    template: str
    #: A CEL condition over ``recipient``, ``payload`` and ``trigger``; None means always.
    when: str | None = None
    #: Of a webhook: what its body says has happened; None is the workflow's key.
    type: str | None = None
    #: Of a webhook: JSON whose strings are CEL; None is all that is known.
    data: object = None
    #: Of mail: files that go with it; their URLs and names are Liquid.
    attachments: tuple[Reference, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DelayStep:
    """Waits before the steps behind it are taken: for a length of time, or until a time that CEL says."""

    key: str
    #: From the moment at which the run comes to this step; None when there is `until`.
    length: timedelta | None = None
    #: A CEL expression that comes to a time, or to one as RFC 3339 text.
    until: str | None = None
    #: Where this does not hold there is no wait.
    when: str | None = None


Step = ChannelStep | DelayStep


def to_json(step: Step) -> dict[str, object]:
    """*step* as it is stored; `from_json` reads it back."""
    if isinstance(step, ChannelStep):
        told: dict[str, object] = {"key": step.key, "channel": step.channel.value, "template": step.template}
        told |= {"when": step.when}
        told |= {"type": step.type, "data": step.data} if step.channel is Channel.WEBHOOK else {}
        return told | ({"attachments": [one.to_json() for one in step.attachments]} if step.attachments else {})
    delay = {"until": step.until} if step.length is None else {"seconds": step.length.total_seconds()}
    return {"key": step.key, "delay": delay, "when": step.when}


def from_json(data: Mapping[str, Any]) -> Step:
    """The step that `to_json` wrote, be it by an earlier version."""
    when = data["when"] and str(data["when"])
    delay = data.get("delay")
    if delay is None:
        template = str(data["template"])
        own: dict[str, Any] = {"type": data.get("type"), "data": data.get("data")}
        files = tuple(map(Reference.from_json, data.get("attachments", ())))
        usual: dict[str, Any] = {"key": str(data["key"]), "channel": Channel(data["channel"]), "template": template}
        return ChannelStep(**usual, when=when, attachments=files, **own)
    if "until" in delay:
        return DelayStep(key=str(data["key"]), until=str(delay["until"]), when=when)
    return DelayStep(key=str(data["key"]), length=timedelta(seconds=float(delay["seconds"])), when=when)
