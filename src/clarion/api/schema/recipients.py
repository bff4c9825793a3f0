"""Recipients, as requests bring them and answers show them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, JsonValue, WithJsonSchema

from clarion.api.schema.addresses import NewAddress
from clarion.api.schema.base import (
    Email,
    Error,
    Identifier,
    Locale,
    Moment,
    Name,
    Own,
    Phone,
    Reply,
    Request,
    Zone,
)

_EXAMPLE: dict[str, JsonValue] = {
    "email": "nitish@example.com",
    "phone": "+919812345678",
    "name": "Nitish official",
    "locale": "en-IN",
    "timezone": "Asia/Kolkata",
    "data": {"plan": "gold"},
}

MAX_BULK = 10_000
#: Addresses that one recipient brings at once.
MOST_GIVEN = 20


class RecipientFields(Request):
    """All there is to say of a recipient; what is left out is empty."""

    email: Email | None = None
    phone: Phone | None = None
    name: Name | None = None
    locale: Locale | None = None
    timezone: Zone | None = None
    data: Own = Field(default_factory=dict)

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, json_schema_extra={"examples": [_EXAMPLE]})


class PutRecipient(RecipientFields):
    """A recipient, who is named in the path."""

    id: Identifier | None = Field(None, description="May be said again; must be the one in the path.")


class BulkRecipient(RecipientFields):
    """A recipient with its id."""

    id: Identifier
    addresses: list[NewAddress] | None = Field(
        None, max_length=MOST_GIVEN, description="Further addresses of theirs, added to those that there are."
    )

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, json_schema_extra={"examples": [{"id": "user-1", **_EXAMPLE}]}
    )


class BulkRecipients(Request):
    """Many recipients. Each is judged by itself: a bad one does not keep out the others."""

    recipients: Annotated[
        list[Any],
        Field(min_length=1, max_length=MAX_BULK),
        WithJsonSchema(
            {
                "type": "array",
                "minItems": 1,
                "maxItems": MAX_BULK,
                "items": {"$ref": "#/components/schemas/BulkRecipient"},
            }
        ),
    ]


class RecipientReply(Reply):
    """A recipient."""

    id: str
    email: str | None
    phone: str | None
    name: str | None
    locale: str | None
    timezone: str | None
    data: dict[str, Any]
    created_at: Moment
    updated_at: Moment


class BulkResult(Reply):
    """What became of one item."""

    id: str | None = Field(description="Null when the item had no usable id.")
    status: Literal["created", "updated", "invalid"]
    errors: list[Error] | None = None


class BulkReply(Reply):
    """What became of each item, in the order given."""

    results: list[BulkResult]
    created: int
    updated: int
    invalid: int
