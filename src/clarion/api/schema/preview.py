"""Previews: what a workflow would say, before it says it to anybody."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag

from clarion.api.schema.base import ChannelName, Identifier, Own, Reply, Request
from clarion.api.schema.triggers import InlineRecipient


def _kind(value: object) -> str:
    return "<id>" if isinstance(value, str) else "<person>"


PreviewRecipient = Annotated[
    Annotated[Identifier, Tag("<id>")] | Annotated[InlineRecipient, Tag("<person>")], Discriminator(_kind)
]


class WorkflowPreviewBody(Request):
    """For whom, and what templates are told."""

    recipient: PreviewRecipient = Field(
        description="An id, or a person described on the spot: nothing of them is stored."
    )
    payload: dict[str, Any] = Field(default_factory=dict, description="What templates and conditions see as `payload`.")
    metadata: Own = Field(default_factory=dict, description="What conditions see as `trigger.metadata`.")
    channels: Annotated[list[ChannelName], Field(min_length=1)] | None = Field(
        None, description="Narrows the workflow's channels to these."
    )

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {"recipient": "user-1", "payload": {"orderId": "12345"}},
                {"recipient": {"email": "nitish@example.com", "name": "Nitish official"}, "channels": ["email"]},
            ]
        },
    )


class PreviewStep(Reply):
    """One step of the workflow, and what it comes to."""

    step: str
    channel: str | None = Field(description="Null for a delay.")
    outcome: Literal["sent", "skipped", "failed", "waits"] = Field(
        description="`skipped`, `failed`: as the message would be now, also above a frequency cap, without a verified "
        "address where one is wanted, and for a suppressed one where the key has `suppressions:read`. Words are shown "
        "all the same where they can be made."
    )
    reason: str | None = Field(description="Why it is skipped or fails; of a delay, how long or until when it waits.")
    failed: str | None = Field(description="Why there are no words, also of a step that would be skipped.")
    to: list[str] = Field(description="Addresses, or ids of devices, chats and webhooks.")
    content: dict[str, Any] | None = Field(description="The words, by the names that templates give them.")
    size: dict[str, Any] | None = Field(
        description="Of a text message its segments, of a push message and a webhook its bytes."
    )
    warnings: list[str] = Field(
        description="What may be not as meant, what one provider or account does not carry, and, where the key has "
        "`queues:read`, what it would wait for."
    )


class WorkflowPreviewReply(Reply):
    """A version of a workflow, as one recipient would get it."""

    workflow: str
    version: int
    steps: list[PreviewStep]
