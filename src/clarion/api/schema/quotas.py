"""Quotas of tenants."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from clarion.api.schema.base import Reply, Request

_MOST = 10**12


class QuotaBody(Request):
    """What a tenant may: what is left out, or null, is not bounded."""

    max_waiting: int | None = Field(
        None, ge=0, le=_MOST, description="So many messages may wait before triggers are refused."
    )
    recipients_a_day: int | None = Field(
        None, ge=0, le=_MOST, description="So many recipients may be named by the triggers of a day (UTC)."
    )

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{"max_waiting": 100_000, "recipients_a_day": 1_000_000}]},
    )


class QuotaReply(Reply):
    """A quota, and how much of it is used."""

    tenant: str
    max_waiting: int | None = Field(description="Null: any number.")
    recipients_a_day: int | None = Field(description="Null: any number.")
    waiting: int = Field(description="Messages that wait now, and recipients to whom none is written yet; due or not.")
    recipients_today: int = Field(description="Recipients that the triggers of today (UTC) name, without the sandbox.")
