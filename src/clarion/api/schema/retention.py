"""Removing what has been kept long enough."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from clarion.api.schema.base import Reply, Request

What = Literal["completed_jobs", "failed_jobs", "messages", "feed", "attachments", "timers", "schedule_runs"]

_YEAR_S = 366 * 86_400


class Retention(Request):
    """What goes: all kinds by their settings, or some, perhaps by another age."""

    what: Annotated[list[What], Field(min_length=1, max_length=20)] | None = Field(
        None, description="Only these kinds; `messages` go as whole weeks, with their triggers a week later."
    )
    older_than_s: float | None = Field(
        None, ge=0, le=_YEAR_S, description="Instead of the age in the settings; to be given together with `what`."
    )
    dry_run: bool = Field(False, description="Remove nothing, and say what would go.")

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{}, {"what": ["failed_jobs"], "older_than_s": 86400, "dry_run": True}]},
    )

    @model_validator(mode="after")
    def _says_what(self) -> Retention:
        if self.older_than_s is not None and self.what is None:
            raise PydanticCustomError("missing", "say `what` is meant by `older_than_s`")
        return self


class RemovedReply(Reply):
    """What went of one kind."""

    rows: int = Field(description="Rows; of `messages` their triggers.")
    weeks: int = Field(description="Whole weeks of messages with their runs, attempts and timelines.")


class RetentionReply(Reply):
    """What went, or would go."""

    dry_run: bool
    more: bool = Field(description="Its time was up, or somebody was in the way: ask again.")
    removed: dict[str, RemovedReply]
