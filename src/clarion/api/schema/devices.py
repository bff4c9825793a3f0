"""Devices of recipients, as requests bring them and answers show them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from clarion.api.schema.base import Moment, Reply, Request, checked
from clarion.domain.device import LONGEST_TOKEN, check_token

Token = Annotated[
    str,
    checked(check_token),
    Field(
        description="What the provider's library gave the application on the device; never shown again whole.",
        json_schema_extra={"minLength": 1, "maxLength": LONGEST_TOKEN, "writeOnly": True},
    ),
]


class DeviceFields(Request):
    """All there is to say of a device."""

    token: Token
    provider: Literal["fcm"] = Field("fcm", description="Whose token it is.")
    platform: Literal["android", "ios", "web"] | None = None

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {"token": "cRA0mXyFQ-Sg:APA91bHun4MxP5egoKMwt2KZFBaFUH-1RYqx", "provider": "fcm", "platform": "android"}
            ]
        },
    )


class DeviceReply(Reply):
    """A device."""

    id: str
    provider: str
    platform: str | None
    token: str = Field(description="Its end alone.")
    created_at: Moment
    seen_at: Moment = Field(description="When it was last put.")
    disabled_at: Moment | None = Field(description="Since when nothing is sent to it.")
    disabled_reason: str | None


class DevicesReply(Reply):
    """All devices of a recipient, those that were seen last first."""

    items: list[DeviceReply]
