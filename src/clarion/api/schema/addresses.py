"""Addresses of recipients, as requests bring them and answers show them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from clarion.api.schema.base import Moment, Reply, Request, checked
from clarion.domain.contact import LONGEST_REASON, check_reason

Quarantine = Annotated[
    str,
    checked(check_reason),
    Field(
        description="Why nothing goes there from now on; empty: it is used again.",
        json_schema_extra={"maxLength": LONGEST_REASON},
    ),
]
#: True alone: another one is preferred by saying so of that one.
Preferred = Annotated[Literal[True], Field(description="Messages go here, and to no other of the channel.")]


class NewAddress(Request):
    """An address of a recipient."""

    address: str = Field(
        min_length=1, max_length=320, description="Of mail, or a number in international form: kept in its usual form."
    )
    verified: bool | None = Field(None, description="Whether it is known to be theirs; null leaves that as it is.")
    preferred: Preferred | None = None

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{"address": "ann@example.com", "verified": True, "preferred": True}]},
    )


class AddressChange(Request):
    """What is said of an address from now on; what is not said stays."""

    verified: bool | None = None
    preferred: Preferred | None = None
    quarantine: Quarantine | None = None

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, json_schema_extra={"examples": [{"verified": True}]}
    )


class AddressReply(Reply):
    """An address."""

    id: str
    channel: Literal["email", "sms"]
    address: str
    preferred: bool = Field(description="Whether messages go here.")
    verified_at: Moment | None
    created_at: Moment
    seen_at: Moment = Field(description="When the application last said that it is there.")
    quarantined_at: Moment | None = Field(description="Since when nothing goes there.")
    quarantine_reason: str | None


class AddressesReply(Reply):
    """All addresses of a recipient, as they are used one after the other on each channel."""

    items: list[AddressReply]
