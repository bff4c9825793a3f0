"""Ids as requests give them: every one that is none is named, with its place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

from clarion import ids
from clarion.api import faults
from clarion.errors import BadId, Fault
from clarion.ids import Prefix


def parse_each(given: Sequence[str], parse: Callable[[str], UUID]) -> list[UUID]:
    """The ids that a body's `ids` gives. Raises `Invalid` that names every one that *parse* takes for none."""
    parsed, wrong = [], []
    for index, text in enumerate(given):
        try:
            parsed.append(parse(text))
        except BadId as error:
            wrong.append(Fault(f"/ids/{index}", error.message, error.code))
    if wrong:
        raise faults.invalid(wrong)
    return parsed


def asked_trigger(text: str | None) -> UUID | None:
    """The trigger that a query's `trigger` names. Raises `BadId` that says so."""
    if text is None:
        return None
    try:
        return ids.parse(Prefix.TRIGGER, text)
    except BadId as error:
        raise BadId(f"?trigger: {error.message}") from None
