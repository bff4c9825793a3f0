"""How long a step of a workflow waits, and what happens where that cannot be told."""

from __future__ import annotations

from datetime import UTC, datetime

from clarion.domain.duration import LONGEST
from clarion.domain.expression import Result
from clarion.domain.moment import parse_moment
from clarion.errors import Invalid

_FORM = "%Y-%m-%dT%H:%M:%SZ"


def time_of(result: Result, now: datetime) -> Result:
    """The time, in UTC, that the `until` of a step came to, or why it is none: a value is always a `datetime`.

    A time of CEL or text as in RFC 3339, with an offset. One that is past is a time like any other; one that is
    further ahead of *now* than the longest delay is none.
    """
    if result.reason is not None:
        return result
    moment: object = result.value
    if isinstance(moment, str):
        try:
            moment = parse_moment(moment)
        except Invalid as error:
            return Result(reason=f"{_quoted(result.value)} is not a time: it {_said(error.message)}")
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        return Result(reason=f"{_quoted(result.value)} is not a time")
    if moment - now > LONGEST:
        return Result(reason=f"{show(moment)} is more than {LONGEST.days} days ahead")
    return Result(value=_utc(moment))


def show(moment: datetime) -> str:
    """*moment* as reasons quote it."""
    return _utc(moment).strftime(_FORM)


def _quoted(value: object) -> str:
    return f"{str(value)[:40]!r}"


def _utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # at either end of the calendar
        return moment.replace(tzinfo=UTC)


def _said(fault: str) -> str:
    return fault if fault.startswith(("must", "needs")) else f"is none: {fault}"
