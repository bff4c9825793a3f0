"""Times in requests."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from clarion.domain.moment import parse_moment
from clarion.errors import Invalid


def _parse(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        raise PydanticCustomError("type", "must be a string such as 2026-01-31T09:30:00Z")
    try:
        return parse_moment(value)
    except Invalid as error:
        raise PydanticCustomError(error.code, "{detail}", {"detail": error.message}) from None


WrittenMoment = Annotated[
    datetime,
    BeforeValidator(_parse),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-01-31T09:30:00Z"]}),
    Field(strict=False),
]
