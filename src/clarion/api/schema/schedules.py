"""Schedules: what is done at which times."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from clarion.api.schema.base import Moment, Paged, Question, Reply, Request, Zone, checked
from clarion.api.schema.moment import WrittenMoment
from clarion.domain.cadence import parse_cadence
from clarion.domain.cron import LONGEST
from clarion.domain.schedule import LONGEST_JITTER, MOST

MOST_TIMES = 100

RunStatus = Literal["pending", "done", "failed"]


def _check(text: str) -> str:
    parse_cadence(text)
    return text


CronLine = Annotated[
    str,
    Field(max_length=LONGEST),
    checked(_check),
    Field(description="A cron line of five fields, `@daily` and the like, or `every 2m`.", examples=["@daily"]),
]


class ScheduleBody(Request):
    """When, and what."""

    cron: CronLine
    timezone: Zone = "UTC"
    catch_up: Literal["skip", "one", "all"] = Field("one", description="What becomes of times that nobody worked at.")
    catch_up_limit: int = Field(100, ge=1, le=MOST, description="With `all`: how many are made up for.")
    jitter_s: float = Field(0, ge=0, le=LONGEST_JITTER.total_seconds(), description="Up to how late each run begins.")
    do: list[dict[str, Any]] = Field(description="Actions as in bindings; they see the run as an event.")

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "cron": "30 7 * * MON-FRI",
                    "timezone": "Europe/Lisbon",
                    "do": [{"trigger": {"workflow": "daily-report", "recipients": "[{'topic': 'staff'}]"}}],
                }
            ]
        },
    )


class PreviewBody(Request):
    """Which line, where, and how many of its times."""

    cron: CronLine
    timezone: Zone = "UTC"
    count: int = Field(10, ge=1, le=MOST_TIMES)
    after: WrittenMoment | None = Field(None, description="From then on; from now unless given.")

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{"cron": "30 2 * * *", "timezone": "Europe/Lisbon", "count": 5}]},
    )


class NextQuestion(Question):
    """How many times."""

    count: int = Field(10, ge=1, le=MOST_TIMES)


class ScheduleReply(Reply):
    """A schedule."""

    key: str
    href: str
    origin: Literal["file", "api", "system"]
    cron: str
    timezone: str
    catch_up: str
    catch_up_limit: int
    jitter_s: float
    do: list[dict[str, Any]]
    next_at: Moment | None = Field(description="The next nominal time; null while it is paused.")
    last_at: Moment | None = Field(description="The last nominal time that ran.")
    paused_at: Moment | None
    paused_reason: str | None
    created_at: Moment
    updated_at: Moment


class SchedulesReply(Reply):
    """A page of schedules."""

    items: list[ScheduleReply]
    next: str | None


class TimeReply(Reply):
    """One nominal time, in UTC and on the clocks of the zone."""

    at: Moment
    local: str


class TimesReply(Reply):
    """Nominal times, in order."""

    items: list[TimeReply]


class RunOfScheduleReply(Reply):
    """What was done at one nominal time."""

    nominal_at: Moment
    due_at: Moment = Field(description="With its jitter.")
    ran_at: Moment | None
    late_s: float | None
    manual: bool
    passed_over: int = Field(description="Nominal times before it that did not run.")
    status: RunStatus
    error: str | None
    result: dict[str, Any] | None


class RunsOfScheduleReply(Reply):
    """A page of runs, newest first."""

    items: list[RunOfScheduleReply]
    next: str | None


class RunsOfScheduleQuestion(Paged):
    """Which page."""
