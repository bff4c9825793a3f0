"""Suppressions, as requests bring them and answers show them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, JsonValue, WithJsonSchema

from clarion.api.schema.base import Error, Identifier, Moment, Paged, Reply, Request
from clarion.api.schema.moment import WrittenMoment

SuppressedChannel = Literal["email", "sms"]
SuppressionReason = Literal["hard_bounce", "soft_bounces", "complaint", "unsubscribe", "manual"]

MAX_ADDED = 1_000

_EXAMPLE: dict[str, JsonValue] = {"address": "ann@example.com", "detail": "asked for it by telephone"}


class SuppressionsQuestion(Paged):
    """Which suppressions."""

    channel: SuppressedChannel | None = None
    reason: SuppressionReason | None = None
    category: Identifier | None = None
    address: str | None = Field(None, max_length=320, description="In any spelling.")


class NewSuppressionBody(Request):
    """An address that is not to be written to."""

    address: str = Field(min_length=1, max_length=320)
    channel: SuppressedChannel | None = Field(None, description="Of an address with an @ it is `email`, else `sms`.")
    category: Identifier | None = Field(None, description="Null is every category.")
    reason: SuppressionReason = "manual"
    detail: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    expires_at: WrittenMoment | None = Field(None, description="When it ends by itself; null is never.")

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [_EXAMPLE]},
    )


class AddSuppressions(Request):
    """Many addresses. Each is judged by itself: a bad one does not keep out the others."""

    suppressions: Annotated[
        list[Any],
        Field(min_length=1, max_length=MAX_ADDED),
        WithJsonSchema(
            {
                "type": "array",
                "minItems": 1,
                "maxItems": MAX_ADDED,
                "items": {"$ref": "#/components/schemas/NewSuppressionBody"},
            }
        ),
    ]

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, json_schema_extra={"examples": [{"suppressions": [_EXAMPLE]}]}
    )


class SuppressionReply(Reply):
    """An address that is not written to, and why."""

    id: str
    href: str
    channel: SuppressedChannel
    address: str
    category: str | None = Field(description="Null is every category.")
    reason: SuppressionReason
    detail: str | None
    message: str | None = Field(description="The message that it came of.")
    created_at: Moment
    expires_at: datetime | None


class SuppressionsReply(Reply):
    """A page of suppressions, newest first."""

    items: list[SuppressionReply]
    next: str | None


class AddedSuppression(Reply):
    """What became of one item."""

    id: str | None = Field(description="Null when it could not be used.")
    address: str | None
    status: Literal["created", "updated", "invalid"]
    errors: list[Error] | None = None


class AddedSuppressions(Reply):
    """What became of each item, in the order given."""

    results: list[AddedSuppression]
    created: int
    updated: int
    invalid: int
