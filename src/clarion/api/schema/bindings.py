"""Bindings, as `clarion apply` published them."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from clarion.api.schema.base import Moment, Reply


class BindingReply(Reply):
    """What is done when something happens."""

    key: str
    version: int = Field(description="Rises when its content changes.")
    on: dict[str, Any] = Field(description="What it listens to: one member, the kind of broker or the own event.")
    when: str | None = Field(description="A CEL condition; null means always.")
    do: list[dict[str, Any]] = Field(description="Its actions, as they are written.")
    updated_at: Moment


class BindingsReply(Reply):
    """All bindings, by key."""

    items: list[BindingReply]
