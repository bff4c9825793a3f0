"""Limits."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from clarion.api.schema.base import Moment, Reply


class LimitReply(Reply):
    """A limit, now."""

    limit: str = Field(description="Its kind and its name, such as `tenant:acme`.")
    kind: Literal["category", "channel", "destination", "domain", "provider", "queue", "tenant", "workflow"]
    name: str
    tenant: str | None = Field(description="Whose it is; null for those that tenants share.")
    rate: str | None = Field(description="Null for what is only paused.")
    burst: int
    reserve: float = Field(description="The part of it, 0 to 0.9, that is kept for what is critical or high.")
    set_by: Literal["hand", "settings", "workflow", "feedback", "pause"]
    paused_until: Moment | None = Field(
        description="Until then nobody goes: the provider, or the domain, asked for it."
    )
    reason: str | None = Field(description="Why it is paused.")
    waiting: int = Field(description="Due jobs that fall under it.")
    capped: bool = Field(description="Whether counting stopped there: at least so many wait.")


class LimitsReply(Reply):
    """All limits, at most the first 1,000."""

    items: list[LimitReply]
