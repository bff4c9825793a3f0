"""Webhooks of recipients, as requests bring them and answers show them."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from clarion.api.schema.base import Identifier, Moment, Reply, Request, checked
from clarion.domain.webhook import LONGEST_DESCRIPTION, MOST_WORKFLOWS
from clarion.http.url_guard import LONGEST_URL, parse_url

Url = Annotated[
    str,
    checked(lambda text: str(parse_url(text))),
    Field(
        description="Where to post, by HTTPS; kept with its host as DNS has it.",
        json_schema_extra={"format": "uri", "maxLength": LONGEST_URL},
    ),
]


class WebhookFields(Request):
    """What is said of a webhook."""

    url: Url
    description: Annotated[str, Field(min_length=1, max_length=LONGEST_DESCRIPTION)] | None = None
    workflows: Annotated[list[Identifier], Field(min_length=1, max_length=MOST_WORKFLOWS)] | None = Field(
        None, description="The keys of the workflows whose messages it gets; null is all."
    )

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{"url": "https://shop.example/hooks/clarion", "workflows": ["order-shipped"]}]},
    )


class RotateBody(Request):
    """How a secret is changed."""

    overlap_s: int | None = Field(
        None,
        ge=0,
        le=30 * 86_400,
        description="For how many seconds the secret of before signs as well; absent: as `webhook.overlap` says.",
    )

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, json_schema_extra={"examples": [{"overlap_s": 86400}]}
    )


class DisableBody(Request):
    """Why nothing more is to be posted."""

    reason: Annotated[str, Field(min_length=1, max_length=LONGEST_DESCRIPTION)] = "by hand"

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, json_schema_extra={"examples": [{"reason": "they are moving"}]}
    )


class WebhookReply(Reply):
    """A webhook."""

    id: str
    url: str
    description: str | None
    workflows: list[str] | None
    secret: str = Field(description="Its end alone, but for the answer that tells a new one.")
    old_secret_until: Moment | None = Field(description="Until then the secret of before signs as well.")
    created_at: Moment
    failing_since: Moment | None = Field(description="Nothing arrived there since; null: what was posted last did.")
    last_error: str | None
    paused_until: Moment | None = Field(description="It asked to be left alone until then.")
    disabled_at: Moment | None = Field(description="Since when nothing is posted to it.")
    disabled_reason: str | None


class WebhooksReply(Reply):
    """All webhooks of a recipient, the first registered first."""

    items: list[WebhookReply]


class TriedReply(Reply):
    """What trying a webhook came to."""

    ok: bool
    reason: str | None = Field(description="Why nothing arrived, as far as that can be told.")
    took_ms: int
