"""A recipient's feed."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from clarion.api.schema.base import Moment, Paged, Question, Reply, Request
from clarion.api.schema.moment import WrittenMoment

MAX_MARKED = 1_000
MOST_REV = 2**62
_AN_ITEM = "fed_0198c0a1b2c37d4e8f90a1b2c3d4e5f6"


class FeedQuestion(Paged):
    """Which items."""

    status: Literal["inbox", "unread", "snoozed", "archived", "all"] = Field(
        "inbox", description="`inbox` is all that is neither archived nor snoozed."
    )


class ChangesQuestion(Question):
    """Since when."""

    since: int = Field(0, ge=0, le=MOST_REV, description="The `rev` of what is known.")


class StreamQuestion(Question):
    """How a stream is opened by what sends no headers."""

    ticket: str | None = Field(None, max_length=1_000, description="From `mintFeedTicket`; it opens one stream.")
    since: int | None = Field(
        None, ge=0, le=MOST_REV, description="The `rev` of what is known; a `Last-Event-ID` goes before it."
    )


class TokenAsked(Request):
    """What a token should be like."""

    expires_in_s: int = Field(900, ge=30, le=900, description="For how long it opens the feed.")

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, json_schema_extra={"examples": [{}]})


class FeedSelection(Request):
    """Which items to mark: some by their ids, or all."""

    ids: Annotated[list[str], Field(min_length=1, max_length=MAX_MARKED)] | None = None
    all: Literal[True] | None = Field(None, description="All that is neither archived nor snoozed.")

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{"ids": [_AN_ITEM]}, {"all": True}]},
    )

    @model_validator(mode="after")
    def _one_of_them(self) -> FeedSelection:
        if (self.ids is None) == (self.all is None):
            raise PydanticCustomError("missing", "give either `ids` or `all`: true")
        return self


class FeedItems(Request):
    """Which items to mark, by their ids: these marks are for none of those that `all` would mean."""

    ids: Annotated[list[str], Field(min_length=1, max_length=MAX_MARKED)]

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, json_schema_extra={"examples": [{"ids": [_AN_ITEM]}]}
    )


class FeedSnooze(FeedItems):
    """Which items to put off, and until when."""

    until: WrittenMoment

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{"ids": [_AN_ITEM], "until": "2026-12-24T09:00:00Z"}]},
    )


class FeedItemReply(Reply):
    """One item."""

    id: str
    message: str = Field(description="The message that this item delivers.")
    seq: int
    rev: int = Field(description="The number of its last change among all of the feed.")
    workflow: str
    category: str | None
    title: str
    body: str
    url: str | None
    data: dict[str, Any]
    created_at: Moment
    seen_at: Moment | None
    read_at: Moment | None
    archived_at: Moment | None
    snoozed_until: Moment | None


class FeedReply(Reply):
    """A page of items, newest first."""

    items: list[FeedItemReply]
    next: str | None


class FeedCountsReply(Reply):
    """Counts of what is neither archived nor snoozed, after the change `rev`."""

    total: int
    unseen: int
    unread: int
    rev: int


class ChangesReply(FeedCountsReply):
    """What changed; `items` is null when that is too much to tell, and the list is to be read anew."""

    items: list[FeedItemReply] | None


class TokenReply(Reply):
    """A token, or a ticket."""

    token: str
    expires_at: Moment


class MarkedReply(FeedCountsReply):
    """What marking did, and the counts after it."""

    changed: int
