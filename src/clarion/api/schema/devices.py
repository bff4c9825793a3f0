"""Devices of recipients, as requests bring them and answers show them."""

from __future__ import annotations

from typing import Annotated, Literal

import orjson
from pydantic import BeforeValidator, ConfigDict, Field

from clarion.api.schema.base import Moment, Reply, Request, checked
from clarion.channels.kinds import kinds
from clarion.domain.device import LONGEST_TOKEN, check_token
from clarion.domain.suggest import did_you_mean
from clarion.domain.workflow import Channel
from clarion.errors import Invalid


def _as_text(value: object) -> object:
    """A browser's subscription is an object, and may be given as one."""
    try:
        return orjson.dumps(value).decode() if isinstance(value, dict) else value
    except TypeError:  # a number that is longer than any in a subscription
        return value


def _check_provider(name: str) -> str:
    known = [kind.name for kind in kinds().values() if kind.channel == Channel.PUSH.value]
    if name not in known:
        raise Invalid(f"no push messages are carried by {name[:64]!r}; {did_you_mean(name, known)}", code="not_allowed")
    return name


Token = Annotated[
    str,
    BeforeValidator(_as_text),
    checked(check_token),
    Field(
        description="What the provider's library gave the application on the device; of a browser its subscription, as "
        "an object or its JSON. Never shown again whole.",
        json_schema_extra={
            "type": ["string", "object"],
            "minLength": 1,
            "maxLength": LONGEST_TOKEN,
            "writeOnly": True,
        },
    ),
]


class DeviceFields(Request):
    """All there is to say of a device."""

    token: Token
    provider: Annotated[str, checked(_check_provider)] = Field(
        "fcm", description="Whose token it is: a kind of provider for push messages, such as `fcm` or `webpush`."
    )
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
