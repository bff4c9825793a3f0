"""Timers: what is to happen at a time unless it is cancelled."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from clarion.api.schema.actions import Actions
from clarion.api.schema.base import Moment, Own, Paged, Reply, Request, checked
from clarion.api.schema.moment import WrittenMoment
from clarion.domain.timer import check_prefix

TimerStatus = Literal["pending", "fired", "cancelled"]
KeyPrefix = Annotated[str, checked(check_prefix)]

_METADATA = "metadata."


class TimerBody(Request):
    """When a timer fires, and what it does then."""

    at: WrittenMoment | None = Field(None, description="When; a time in the past means at once. Or `in`.")
    in_: str | None = Field(
        None, alias="in", max_length=64, description="How long from now, by the database's clock: `3h`, `PT90S`."
    )
    actions: Actions
    metadata: Own = Field(default_factory=dict, description="Kept, shown and searched.")

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "in": "15m",
                    "actions": [
                        {
                            "publish": {
                                "kind": "nats",
                                "target": {"subject": "expiration.complete"},
                                "body": {"orderId": "12345"},
                            }
                        }
                    ],
                    "metadata": {"order": "12345"},
                }
            ]
        },
    )


class TimersQuestion(Paged):
    """Which timers."""

    status: TimerStatus | None = None
    key_prefix: KeyPrefix | None = Field(
        None, description="Those whose key begins so, in the order of their keys; `sandbox:` of those in the sandbox."
    )
    due_after: WrittenMoment | None = Field(None, description="Those that fire, or fired, then or later.")
    due_before: WrittenMoment | None = Field(None, description="Those that fire, or fired, earlier.")
    fired_after: WrittenMoment | None = Field(
        None,
        description="Those that fired then or later, in the order in which they did; alone. There is always a `next`.",
    )
    metadata: dict[str, str] = Field(
        default_factory=dict,
        max_length=4,
        description="Written `metadata.order=12345`: those whose metadata has that value at that name.",
    )

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        own = {name.removeprefix(_METADATA): text for name, text in value.items() if name.startswith(_METADATA)}
        rest = {name: text for name, text in value.items() if not name.startswith(_METADATA)}
        return {**rest, "metadata": own} if own else rest


class TimerReply(Reply):
    """A timer."""

    id: str
    href: str
    key: str = Field(description="In the sandbox with `sandbox:` before it: it is named by its id then.")
    status: TimerStatus
    at: Moment
    actions: list[dict[str, Any]]
    metadata: dict[str, Any]
    error: str | None = Field(description="Why actions could not be done when it fired.")
    failed: list[int] | None = Field(description="Which, counted from 0; its job is buried, and a redrive does them.")
    created_at: Moment
    updated_at: Moment
    fired_at: Moment | None
    cancelled_at: Moment | None


class TimersReply(Reply):
    """A page of timers, the next to fire first."""

    items: list[TimerReply]
    next: str | None
