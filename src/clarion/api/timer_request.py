"""From the body of a timer to what the flow takes: its time judged, its actions read as they will be when it fires."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from clarion.api import faults
from clarion.api.schema.timers import TimerBody
from clarion.domain import action
from clarion.domain.action import Action, Publish, SetTimer, Trigger
from clarion.domain.duration import parse_duration
from clarion.domain.moment import FARTHEST
from clarion.errors import Fault, Invalid
from clarion.flows import publish_action, trigger_action
from clarion.flows.attaching import Allowed


def read(
    body: TimerBody, tenant_id: UUID, now: datetime, allowed: Allowed
) -> tuple[datetime | timedelta, list[Action]]:
    """When (or how long from now) the timer fires, and what it does. Raises `Invalid` with every fault."""
    found: list[Fault] = []
    at = _time(body, now, found)
    actions = [action.from_json(one.model_dump(mode="json", by_alias=True, exclude_unset=True)) for one in body.actions]
    found += _of_actions(actions, "/actions", tenant_id, now, allowed)
    if found:
        raise faults.invalid(found)
    return at, actions


def _time(body: TimerBody, now: datetime, found: list[Fault]) -> datetime | timedelta:
    if (body.at is None) == (body.in_ is None):
        found.append(Fault("/at", "say either `at` or `in`", "missing" if body.at is None else "not_allowed"))
    elif body.at is not None:
        if body.at > now + FARTHEST:
            found.append(Fault("/at", f"must be within the next {FARTHEST.days} days", "out_of_range"))
        return body.at
    elif body.in_ is not None:
        try:
            return parse_duration(body.in_)
        except Invalid as error:
            found.append(Fault("/in", error.message, error.code))
    return now


def _of_actions(
    actions: Sequence[Action], at: str, tenant_id: UUID, now: datetime, allowed: Allowed
) -> Iterator[Fault]:
    """What is wrong with *actions* already now. What they name may come to exist, or go, until they are done."""
    for number, one in enumerate(actions):
        place = f"{at}/{number}"
        try:
            match one:
                case Trigger():
                    place = f"{place}/trigger"
                    trigger_action.read(one, now, allowed)
                case Publish():
                    place = f"{place}/publish"
                    publish_action.read(tenant_id, one, "a check")
                case SetTimer():
                    yield from _of_actions(one.actions, f"{place}/timer.set/actions", tenant_id, now, allowed)
        except Invalid as error:
            for fault in error.faults:
                yield Fault(f"{place}{fault.pointer}", fault.detail, fault.code)
