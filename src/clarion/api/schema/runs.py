"""Runs: one workflow for one recipient."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from clarion.api.schema.base import Identifier, Moment, Paged, Reply

RunStatus = Literal["running", "completed", "cancelled"]


class RunsQuestion(Paged):
    """Which of the runs that wait."""

    status: Literal["running"] = Field("running", description="Only those that wait are listed.")
    trigger: str | None = None
    workflow: Identifier | None = None
    recipient: Identifier | None = None


class RunReply(Reply):
    """A run, and when it goes on."""

    id: str
    href: str
    trigger: str
    workflow: str
    recipient: str
    status: RunStatus
    step: str | None = Field(description="The key of the delay in which it waits.")
    resumes_at: Moment | None = Field(description="When it goes on; not before.")
    created_at: Moment


class RunsReply(Reply):
    """A page of runs, those of the newest trigger first."""

    items: list[RunReply]
    next: str | None
