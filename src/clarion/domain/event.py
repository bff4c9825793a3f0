"""Something that happened, as bindings see it: of a broker's message, or of Clarion's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened. All text in it can be stored: there is no NUL and no half of a character in it."""

    #: Of a CloudEvent its own, else that of the delivery.
    id: str
    #: What kind of thing: a CloudEvent's type, the name of a job, a routing key, a subject, ``message.sent``.
    type: str
    #: A CloudEvent's source, else the name of the source it came by; ``clarion`` for its own.
    source: str
    #: A CloudEvent's subject, else what it was sent to.
    subject: str = ""
    #: When it happened, where that was said.
    time: datetime | None = None
    #: What the body says, as plain JSON values.
    data: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
