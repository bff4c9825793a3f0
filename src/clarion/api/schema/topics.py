"""Topics and who belongs to them."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from clarion.api.schema.base import Identifier, Moment, Name, Reply, Request

MAX_MEMBERS = 10_000


class TopicFields(Request):
    """All there is to say of a topic."""

    name: Name | None = None

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, json_schema_extra={"examples": [{"name": "Guests of the hotel"}]}
    )


class Members(Request):
    """Recipients by their ids."""

    ids: Annotated[list[Identifier], Field(min_length=1, max_length=MAX_MEMBERS)]

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, json_schema_extra={"examples": [{"ids": ["user-1", "user-2"]}]}
    )


class TopicReply(Reply):
    """A topic."""

    key: str
    name: str | None
    members: int
    created_at: Moment
    updated_at: Moment


class AddedReply(Reply):
    """What adding did."""

    added: int
    already: int = Field(description="How many were members before.")
    members: int = Field(description="How many the topic has now.")


class RemovedReply(Reply):
    """What removing did."""

    removed: int
    members: int = Field(description="How many the topic has now.")
