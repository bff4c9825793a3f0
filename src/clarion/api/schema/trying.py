"""Trying an account at a provider, as requests ask for it and answers tell of it."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field

from clarion.api.schema.base import Identifier, Reply, Request
from clarion.api.schema.recipients import RecipientFields
from clarion.domain.device import LONGEST_TOKEN


class MadeUp(RecipientFields):
    """Somebody made up for it: nothing of them is stored."""

    id: Identifier = Field(default="test", description="What templates see as `recipient.id`.")


class TryAccount(Request):
    """Where one message goes, and what it says."""

    to: str = Field(
        max_length=LONGEST_TOKEN,
        description="An address, a number, the token of a device, or where a chat is; empty: the account's own room.",
    )
    workflow: Identifier | None = Field(
        None, description="Whose words it has, those of the account's channel; unless said, it says that it is a test."
    )
    payload: dict[str, Any] = Field(default_factory=dict, description="What templates see as `payload`.")
    recipient: MadeUp = Field(default_factory=lambda: MadeUp(), description="What templates see as `recipient`.")

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, json_schema_extra={"examples": [{"to": "me@example.com"}]}
    )


class TriedAccountReply(Reply):
    """What came of it."""

    ok: bool
    reason: str | None = Field(description="What the provider said, where it did not take it.")
    provider_message_id: str | None
    took_ms: int
