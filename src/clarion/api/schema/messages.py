"""Messages and their timelines."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from clarion.api.schema.base import ChannelName, Identifier, Moment, Paged, Reply

MessageStatus = Literal[
    "queued", "sending", "sent", "delivered", "failed", "bounced", "skipped", "cancelled", "expired", "unknown"
]


class MessagesQuestion(Paged):
    """Which messages."""

    trigger: str | None = Field(None, max_length=64)
    recipient: Identifier | None = None
    workflow: Identifier | None = None
    channel: ChannelName | None = None
    status: MessageStatus | None = None


class MessageSummary(Reply):
    """A message."""

    id: str
    href: str
    trigger: str
    workflow: str
    recipient: str
    channel: str
    status: MessageStatus
    reason: str | None
    address: str | None
    attempts: int
    possible_duplicate: bool = Field(description="It may have been sent twice: nobody could know.")
    provider: str | None
    provider_message_id: str | None
    created_at: Moment
    expires_at: Moment
    sent_at: Moment | None
    ended_at: Moment | None
    seen_at: Moment | None
    read_at: Moment | None
    opened_at: Moment | None = Field(description="When a person opened it first, as far as that can be known.")
    clicked_at: Moment | None = Field(description="When a person followed a link in it first.")
    archived_at: Moment | None


class TimelineEntry(Reply):
    """One thing that happened to a message: it was created, tried, or something was decided."""

    at: Moment
    kind: str = Field(description="`created`, `attempt`, or the decision: `skipped`, `put_off`, `retried` …")
    detail: str | None
    number: int | None = Field(description="Of the attempt.")
    status: str | None = Field(description="What the attempt came to.")
    provider: str | None
    provider_message_id: str | None
    ended_at: Moment | None


class Engagement(Reply):
    """What was done with a mail, by people or by machines."""

    kind: Literal["opened", "clicked"]
    machine: bool = Field(description="By a program, as far as that shows.")
    first_at: Moment
    last_at: Moment
    hits: int


class MessageReply(MessageSummary):
    """A message with all that happened to it, first to last."""

    next_attempt_at: Moment | None = Field(
        description="Of one that is `queued`: when it is, or was, due. It may wait for longer, for a limit or a pause."
    )
    engagement: list[Engagement]
    timeline: list[TimelineEntry]


class MessagesReply(Reply):
    """A page of messages, newest first."""

    items: list[MessageSummary]
    next: str | None
