"""What is done when a timer fires: as stored, and as an application says it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from clarion.api.schema.base import Identifier, Own, Request
from clarion.api.schema.moment import WrittenMoment
from clarion.api.schema.triggers import TriggerBody

MAX_ACTIONS = 10

_KINDS = ("trigger", "publish", "timer.set", "timer.cancel")


class TriggerAction(TriggerBody):
    """Trigger a workflow, as a request would."""

    workflow: Identifier

    model_config = ConfigDict(json_schema_extra={"examples": []})


class PublishAction(Request):
    """Hand a message to a broker or an endpoint."""

    kind: Literal["rabbitmq", "nats", "bullmq", "webhook"]
    broker: str | None = Field(None, max_length=128, description="Its name in the settings; without it the only one.")
    target: dict[str, str] = Field(
        description="rabbitmq: `routing_key`, `exchange`; nats: `subject`; bullmq: `queue`, `job`; webhook: `type`."
    )
    body: Any = Field(None, description="Sent as JSON.")
    headers: dict[str, str] = Field(default_factory=dict, max_length=100)
    id: str | None = Field(None, description="What receivers tell repeats by; without it, made from the firing.")


class SetTimerAction(Request):
    """Set another timer, or the same one again."""

    key: Identifier
    at: WrittenMoment
    actions: Annotated[list[TimerAction], Field(min_length=1, max_length=MAX_ACTIONS)]
    metadata: Own = Field(default_factory=dict)


class CancelTimerAction(Request):
    """Take a timer back; nothing when there is none."""

    key: Identifier


class TimerAction(Request):
    """One thing that is done: exactly one of these."""

    trigger: TriggerAction | None = None
    publish: PublishAction | None = None
    set_timer: SetTimerAction | None = Field(None, alias="timer.set")
    cancel_timer: CancelTimerAction | None = Field(None, alias="timer.cancel")

    @model_validator(mode="after")
    def _is_one(self) -> TimerAction:
        said = (self.trigger, self.publish, self.set_timer, self.cancel_timer)
        if len(self.model_fields_set) != 1 or all(one is None for one in said):
            text = f"say exactly one of {', '.join(_KINDS)}"
            raise PydanticCustomError("invalid_action", "{text}", {"text": text})
        return self


Actions = Annotated[list[TimerAction], Field(min_length=1, max_length=MAX_ACTIONS)]
