"""A recipient's feed."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from clarion.api.schema.base import Moment, Paged, Reply, Request

MAX_MARKED = 1_000


class FeedQuestion(Paged):
    """Which items."""

    status: Literal["inbox", "unread", "archived", "all"] = Field(
        "inbox", description="`inbox` is all that is not archived."
    )


class FeedSelection(Request):
    """Which items to mark: some by their ids, or all."""

    ids: Annotated[list[str], Field(min_length=1, max_length=MAX_MARKED)] | None = None
    all: Literal[True] | None = None

    model_config = ConfigDict(
        strict=True,
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{"ids": ["fed_0198c0a1b2c37d4e8f90a1b2c3d4e5f6"]}, {"all": True}]},
    )

    @model_validator(mode="after")
    def _one_of_them(self) -> FeedSelection:
        if (self.ids is None) == (self.all is None):
            raise PydanticCustomError("missing", "give either `ids` or `all`: true")
        return self


class FeedItemReply(Reply):
    """One item."""

    id: str
    message: str = Field(description="The message that this item delivers.")
    seq: int
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


class FeedReply(Reply):
    """A page of items, newest first."""

    items: list[FeedItemReply]
    next: str | None


class FeedCountsReply(Reply):
    """Counts of what is not archived."""

    total: int
    unseen: int
    unread: int


class MarkedReply(FeedCountsReply):
    """What marking did, and the counts after it."""

    changed: int
