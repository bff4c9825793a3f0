"""Accounts at providers."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from clarion.api.schema.base import Moment, Reply


class ProviderReply(Reply):
    """An account at a provider, now. Nothing of its settings is shown."""

    name: str
    href: str
    kind: str
    channel: str
    state: Literal["well", "paused", "open", "half_open"] = Field(
        description="`open`: its breaker is open, and it is left alone; `half_open`: one probe is on its way."
    )
    reason: str | None
    since: Moment | None = Field(description="Since when its breaker is as it is; null where nothing ever happened.")
    again_in_s: float | None = Field(description="How long it is left alone; null also until somebody resumes it.")
    domains_parked: int = Field(description="Domains that asked for patience through it, and get no mail now.")
    domains_slowed: int = Field(description="Domains that get little, because they put off most or asked for patience.")
    moved_points: float | None = Field(
        description="How many points of a hundred its share is above its weight, or below; null: neither."
    )
    moved_reason: str | None


class ProvidersReply(Reply):
    """All of them."""

    items: list[ProviderReply]
