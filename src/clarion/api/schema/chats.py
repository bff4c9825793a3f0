"""Chats of recipients, as requests bring them and answers show them."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from clarion.api.schema.base import Identifier, Moment, Reply, Request
from clarion.domain.chat import LONGEST_ADDRESS


class ChatFields(Request):
    """All there is to say of a chat."""

    provider: Identifier = Field(description="The kind of account that reaches it.")
    account: Identifier | None = Field(None, description="The account that reaches it, where it must be that one.")
    address: (
        Annotated[str, Field(min_length=1, max_length=LONGEST_ADDRESS, json_schema_extra={"writeOnly": True})] | None
    ) = Field(
        None, description="Where it is, as the provider has it; never shown again whole. Null: the account's own room."
    )

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{"provider": "telegram", "address": "987654321"}]},
    )


class ChatReply(Reply):
    """A chat."""

    id: str
    provider: str
    account: str | None
    address: str | None = Field(description="Its end alone; null: the account's own room.")
    created_at: Moment
    seen_at: Moment = Field(description="When it was last put.")
    disabled_at: Moment | None = Field(description="Since when nothing is sent to it.")
    disabled_reason: str | None


class ChatsReply(Reply):
    """All chats of a recipient, those that were seen last first."""

    items: list[ChatReply]
