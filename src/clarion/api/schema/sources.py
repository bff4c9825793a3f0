"""Sources, what comes in by them, and quarantine."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from clarion.api.schema.base import Moment, Paged, Reply, Request

#: How many messages one call redrives at most.
MAX_REDRIVEN = 100

SourceName = Annotated[str, Field(min_length=1, max_length=400, pattern=r"^[^\x00-\x1f\x7f]+$")]


class InboundQuestion(Paged):
    """Which messages."""

    source: SourceName | None = None


class QuarantineQuestion(Paged):
    """Which messages in quarantine."""

    source: SourceName | None = None
    state: Literal["waiting", "all"] = Field("waiting", description="`waiting`: those that are not redriven.")


class RedriveQuarantined(Request):
    """Which messages get another chance: some by their ids, else those that wait longest."""

    ids: Annotated[list[str], Field(min_length=1, max_length=MAX_REDRIVEN)] | None = None

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{}, {"ids": ["qua_0198c0a1b2c37d4e8f90a1b2c3d4e5f6"]}]},
    )


class SourceWorker(Reply):
    """How a source looks from one worker."""

    worker: str
    state: Literal["connecting", "connected", "away", "stopped"]
    since: Moment
    in_hand: int = Field(description="Messages handed over by the broker that are not acknowledged.")
    trouble: str | None


class SourceReply(Reply):
    """A source, as far as the database knows."""

    name: str
    state: Literal["connected", "connecting", "away", "stopped"] = Field(
        description="The best that any living worker has; `stopped` when none runs it."
    )
    accepted: int
    repeated: int
    quarantined: int
    last_message_at: Moment | None
    workers: list[SourceWorker]


class SourcesReply(Reply):
    """All sources."""

    items: list[SourceReply]


class InboundReply(Reply):
    """A message that came in, and what became of it."""

    at: Moment
    source: str
    message_id: str = Field(description="Its beginning, when it is long.")
    state: Literal["accepted", "quarantined", "redriven"]
    triggers: list[str]
    workflows: list[str | None] = Field(description="Of the triggers; null where one is gone.")
    did: list[str] = Field(
        description="What else it caused: `timer.set KEY`, `timer.cancel KEY`, `publish KIND` and where to."
    )
    quarantined: str | None = Field(description="Its id in quarantine.")
    reason: str | None


class InboundsReply(Reply):
    """What came in, in the order in which it came."""

    items: list[InboundReply]
    next: str = Field(description="Where to go on, also when nothing more has come yet.")


class QuarantinedSummary(Reply):
    """A message that could not be used."""

    id: str
    href: str
    source: str
    message_id: str
    subject: str
    reason: str
    size: int
    at: Moment
    redriven_at: Moment | None


class QuarantinedReply(QuarantinedSummary):
    """… whole."""

    headers: dict[str, str]
    body_base64: str = Field(description="Its bytes, the first 256 kB.")
    body_text: str = Field(description="The same as UTF-8; what is none is shown as U+FFFD.")
    triggers: list[str] = Field(description="What it has become, once it is redriven.")


class QuarantineReply(Reply):
    """A page of them."""

    items: list[QuarantinedSummary]
    next: str | None


class RedrivenReply(Reply):
    """What became of a message that was redriven."""

    redriven: bool
    triggers: list[str]
    reason: str | None = Field(description="Why it stays where it is.")


class RedrivenManyReply(Reply):
    """What became of messages that were redriven."""

    redriven: int
    still: int = Field(description="Those that stay where they are.")
