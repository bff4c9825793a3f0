"""What would keep a message back that is looked at, as things stand: full caps, and what waits at the moment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from clarion.domain.cap import Cap
from clarion.domain.recipient import Recipient
from clarion.domain.workflow import Channel, Workflow
from clarion.flows import rates
from clarion.flows.caps import Scoped, in_order
from clarion.flows.limit_list import Limit, list_limits
from clarion.flows.preview_reach import Ways
from clarion.queue import control
from clarion.store import cap_uses
from clarion.store.database import Connection


class Room(NamedTuple):
    """A cap, and how many more messages it lets through now."""

    cap: Cap
    left: int


async def rooms(
    connection: Connection, tenant_id: UUID, recipient_id: str, caps: Scoped, now: datetime
) -> Sequence[Room]:
    """What *caps* have left for a recipient, in the order in which they are asked. Nothing is locked, nor counted."""
    found: list[Room] = []
    for scope, cap in in_order(caps):
        used = await cap_uses.count(connection, scope, cap, (tenant_id, recipient_id), now)
        found.append(Room(cap, max(cap.messages - used, 0)))
    return found


def too_many(rooms: Iterable[Room], wanted: Mapping[int, Channel]) -> dict[int, str]:
    """Which of the steps *wanted*, by number, would be one too many, with the reason: as `flows.caps.over` decides."""
    refused: dict[int, str] = {}
    for cap, left in rooms:
        for number, channel in wanted.items():
            if number in refused or cap.channel not in (None, channel):
                continue
            if left > 0:
                left -= 1
            else:
                refused[number] = cap.reason
    return refused


async def waits(
    connection: Connection, tenant_id: UUID, workflow: Workflow, recipient: Recipient, ways: Ways
) -> dict[Channel, list[str]]:
    """By channel of *workflow*, what its messages would wait for if they were made now: pauses, and limits with others
    before them."""
    limits = [
        one
        for one in await list_limits(connection, ways.carriers, tenant_id=tenant_id)
        if one.paused_until is not None or one.waiting.value
    ]
    paused = await control.paused(connection)
    found: dict[Channel, list[str]] = {}
    for channel in {step.channel for step in workflow.channel_steps}:
        said = [f"the queue {channel.value} is paused: it waits until somebody resumes it"] * (channel.value in paused)
        found[channel] = [*said, *_limited(limits, workflow, channel, recipient, ways)]
    return found


def _limited(
    limits: Sequence[Limit], workflow: Workflow, channel: Channel, recipient: Recipient, ways: Ways
) -> Iterator[str]:
    labels = ways.carriers.get(channel.value, ())
    domain = (recipient.email or "").rpartition("@")[2] if channel is Channel.EMAIL else ""
    asked = {
        *((rates.QUEUE, channel.value), (rates.CHANNEL, channel.value), (rates.WORKFLOW, workflow.key)),
        *((rates.CATEGORY, workflow.category or ""), (rates.DOMAIN, domain)),
        *((rates.PROVIDER, label) for label in labels),
        *((rates.DESTINATION, f"{label}/{domain}") for label in labels),
    }
    found = [one for one in limits if one.kind == rates.TENANT or (one.kind, one.name) in asked]
    of_accounts = (rates.PROVIDER, rates.DESTINATION)
    away = {one.name.partition("/")[0] for one in found if one.kind in of_accounts and one.paused_until is not None}
    for one in found:
        if one.kind in of_accounts and len(labels) > 1 and not away.issuperset(labels):
            continue  # another account takes it meanwhile
        if one.paused_until is not None:
            yield f"{one.kind}:{one.name} is paused, so that it waits: {one.reason or 'no reason is known'}"
        elif one.rate is not None and one.waiting.value:
            more = "or more " if one.waiting.at_least else ""
            yield f"{one.waiting.value} {more}wait before it for the limit {one.kind}:{one.name}, {one.rate}"


def short_of_verified(channel: Channel) -> str:
    """What is said where it cannot be told whether an address is verified."""
    return f"only a verified address gets it: whether this one is, for {channel.value}, was not looked up"
