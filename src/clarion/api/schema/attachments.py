"""Files that go with mails."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from clarion.api.schema.base import Moment, Question, Reply


class Upload(Question):
    """What an uploaded file is called; its media type is the request's."""

    name: Annotated[str, Field(min_length=1, max_length=1_000)] = Field(
        "attachment",
        description="Under which it arrives, unless a trigger says otherwise; without what is before its last slash.",
    )


class AttachmentReply(Reply):
    """A file that is kept."""

    id: str = Field(description="`att_` and the SHA-256 of its content: the same content has the same id.")
    name: str
    type: str
    size: int
    href: str
    created_at: Moment
