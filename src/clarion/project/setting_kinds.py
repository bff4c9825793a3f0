"""What settings are made of."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from clarion.project import setting_types as types

Duration = Annotated[timedelta, BeforeValidator(types.duration)]

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
KIB = 1024
#: What `worker.senders` and the attempts of a message may be at most.
MOST_SENDERS, MOST_ATTEMPTS = 64, 50
MIB = 1024 * KIB


class Group(BaseModel):
    """One table of ``clarion.toml``."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, hide_input_in_errors=True)


def a(default: object, says: str, **limits: Any) -> Any:
    """One setting: its default, what it does, and its limits (``ge``, ``le``)."""
    return Field(default, description=says, **limits)
