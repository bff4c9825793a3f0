"""What a message says, per kind of channel: what templates produce and channels carry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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


Content = EmailContent | InAppContent | SmsContent
