"""What all request and answer models have in common, and the kinds of value that several of them use."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from clarion.domain import identifier
from clarion.domain.address import parse_email
from clarion.domain.locale import normalise
from clarion.domain.phone import parse_phone
from clarion.domain.recipient import LONGEST_NAME, MOST_OWN_FIELDS, check_name
from clarion.domain.zone import check_zone
from clarion.errors import Invalid


class Request(BaseModel):
    """A body: nothing is converted, nothing unknown is let pass."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Question(BaseModel):
    """A query string: all of it is text, so numbers are read; nothing unknown is let pass."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Nothing(Request):
    """A body, or a query, of an operation that takes none: any field is one too many."""


class Reply(BaseModel):
    """An answer, as documented. Answers are written straight from data; tests hold them to these models."""

    model_config = ConfigDict(extra="forbid")


def checked(check: Callable[[str], str]) -> AfterValidator:
    """A validator that runs *check* of the domain, its `Invalid` turned into pydantic's kind of error."""

    def run(text: str) -> str:
        try:
            return check(text)
        except Invalid as error:
            # Braces would be taken for places to fill in.
            raise PydanticCustomError(error.code, "{detail}", {"detail": error.message}) from None

    return AfterValidator(run)


Identifier = Annotated[
    str, checked(identifier.check_identifier), Field(json_schema_extra={"pattern": identifier.PATTERN})
]
Email = Annotated[str, checked(parse_email), Field(json_schema_extra={"format": "email", "maxLength": 254})]
Phone = Annotated[
    str,
    checked(parse_phone),
    Field(description="In international form; kept in E.164 form.", json_schema_extra={"examples": ["+31612345678"]}),
]
Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME), checked(check_name)]
Locale = Annotated[str, checked(normalise), Field(json_schema_extra={"examples": ["pt-BR"]})]
Zone = Annotated[str, checked(check_zone), Field(json_schema_extra={"examples": ["Europe/Lisbon"]})]
Own = Annotated[dict[str, Any], Field(max_length=MOST_OWN_FIELDS)]
ChannelName = Literal["email", "sms", "push", "chat", "in_app", "webhook"]


class Paged(Question):
    """Which page of a list."""

    after: str | None = Field(None, max_length=1_000, description="The `next` of the page before.")
    limit: int = Field(50, ge=1, le=100, description="How many items a page has.")


class Error(Reply):
    """One thing wrong in one place."""

    pointer: str = Field(description="A JSON pointer (RFC 6901) into the body, or `?name` for a part of the query.")
    detail: str
    code: str


class Problem(Reply):
    """A problem document (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str = Field(description="A stable word for programs.")
    errors: list[Error] = Field(description="Every fault of what was said; none where that is not what is wrong.")
    request_id: str


Moment = Annotated[datetime, Field(description="RFC 3339, UTC.")]
