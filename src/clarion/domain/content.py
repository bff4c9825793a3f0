"""What a message says, per kind of channel: what templates produce and channels carry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple


class EmailContent(NamedTuple):
    """The words of one mail, rendered."""

    subject: str
    html: str | None
    #: Always there: the template's own text twin, or one made from the HTML.
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InAppContent:
    """The words of one feed item, rendered."""

    title: str
    body: str
    url: str | None = None
    data: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsContent:
    """The words of one text message, rendered."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PushContent:
    """The words of one push message, rendered."""

    title: str
    body: str
    #: The address of a picture.
    image: str | None = None
    #: What opens when it is touched.
    url: str | None = None
    #: What the application on the device is told besides.
    data: Mapping[str, str] = field(default_factory=dict)
    #: Of those with the same key that a device could not be given yet, only the last is kept.
    collapse_key: str | None = None
    #: How long it is kept for a device that is away, where that is shorter than until the message expires.
    ttl: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatField:
    """A value of a chat message that stands under its text, by its label: ``Room: 12``."""

    label: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatButton:
    """A link of a chat message that is shown as a button."""

    text: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatContent:
    """The words of one chat message, rendered: as they are to be read, with no markup of any provider in them."""

    text: str
    #: Stands above the text, bold.
    title: str | None = None
    #: Where the title leads; without one it stands under the text.
    url: str | None = None
    #: The address of a picture.
    image: str | None = None
    #: What stands under the text; how many of each, and how long: `clarion.domain.card`.
    fields: tuple[ChatField, ...] = ()
    buttons: tuple[ChatButton, ...] = ()


Content = EmailContent | InAppContent | SmsContent | PushContent | ChatContent
