"""Queues and jobs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from clarion.api.schema.base import Moment, Paged, Reply, Request, checked
from clarion.domain.rate import MOST_BURST, parse_rate

MAX_JOBS = 1_000
_YEAR_S = 366 * 86_400

JobState = Literal["ready", "scheduled", "running", "done", "buried"]


class JobsQuestion(Paged):
    """Which jobs."""

    state: JobState = "ready"


class Redrive(Request):
    """Which buried jobs get another chance: some by their ids, else all."""

    ids: Annotated[list[str], Field(min_length=1, max_length=MAX_JOBS)] | None = None

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{}, {"ids": ["job_0198c0a1b2c37d4e8f90a1b2c3d4e5f6"]}]},
    )


class Clean(Request):
    """Which ended jobs go."""

    state: Literal["completed", "failed"] = Field("failed", description="The records of those that ended so.")
    older_than_s: float | None = Field(
        None, ge=0, le=_YEAR_S, description="Those that ended longer ago than this; else than the settings keep them."
    )

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{"older_than_s": 604800}, {"state": "completed", "older_than_s": 86400}]},
    )


def _check_rate(text: str) -> str:
    parse_rate(text)
    return text


class QueueRate(Request):
    """How fast the jobs of a queue are begun, by all workers together."""

    rate: Annotated[
        str, checked(_check_rate), Field(description="`20/s`, `100/m`, `5000/h`, `20/s burst 5`, `20/s reserve 10%`.")
    ]
    burst: int | None = Field(None, ge=1, le=MOST_BURST, description="How many at once after a rest; 1 unless said.")

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, json_schema_extra={"examples": [{"rate": "20/s", "burst": 5}]}
    )


class RateReply(Reply):
    """A limit that is in force."""

    limit: str = Field(description="Whose it is: of this queue, or of the provider that it sends by.")
    rate: str
    burst: int
    reserve: float = Field(description="The part of it, 0 to 0.9, that is kept for what is critical or high.")
    set_by: Literal["hand", "settings", "workflow"]


class QueueReply(Reply):
    """A queue, now."""

    name: str
    href: str
    paused: bool
    ready: int
    paced: int = Field(description="Those of the ready ones that wait for the rate of their workflow.")
    scheduled: int
    running: int
    buried: int
    done: int
    capped: list[str] = Field(description="Which of the counts stopped counting: there are at least so many.")
    oldest_s: float | None = Field(description="How long the oldest ready job has been due.")
    done_per_s: float
    retried_per_s: float
    buried_per_s: float
    rates: list[RateReply] = Field(description="The limits that all its jobs keep to; then `ready` waits for them.")


class QueuesReply(Reply):
    """All queues."""

    items: list[QueueReply]


class JobReply(Reply):
    """A job, in whatever state it is."""

    id: str
    href: str
    queue: str
    kind: str
    key: str | None
    priority: str
    state: JobState
    run_at: Moment | None
    attempts: int
    rescues: int
    worker: str | None
    lease_until: Moment | None
    cancelled: bool
    args: Any
    progress: Any
    error: str | None
    result: Any
    finished_at: Moment | None


class JobsReply(Reply):
    """A page of jobs."""

    items: list[JobReply]
    next: str | None


class RedriveReply(Reply):
    """What a redrive did."""

    ready: int
    taken: int = Field(description="Still buried: another job has their key now.")


class CleanReply(Reply):
    """What cleaning did."""

    deleted: int
