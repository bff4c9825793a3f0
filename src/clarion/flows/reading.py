"""What a delivery says should be done: its event, handed to the bindings. Nothing here is raised: it is an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from clarion.brokers.base import Delivery
from clarion.domain.action import Action
from clarion.domain.event import Event
from clarion.domain.event_reading import Unreadable, read_event
from clarion.errors import Invalid
from clarion.flows.act import Deed


class Binding(Protocol):
    """A published binding, ready to use: see `clarion.domain.binding`."""

    def actions(self, event: Event, now: datetime) -> Sequence[Action]:
        """What is to be done; nothing when it does not concern it. Raises `Invalid`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where deliveries come from."""

    tenant_id: UUID
    #: The source's name, and its number with this tenant.
    source: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One delivery, read."""

    #: The same for the same message, for ever: see `clarion.store.inbound.inbound_id`.
    id: UUID
    delivery: Delivery
    deeds: Sequence[Deed] = ()
    #: Why it cannot be used.
    reason: str | None = None
    #: What our own code raised, which says nothing of the delivery.
    bug: Exception | None = None


def read(origin: Origin, bindings: Sequence[Binding], id: UUID, delivery: Delivery, now: datetime) -> Reading:
    """What *bindings* make of *delivery*."""
    event = read_event(
        id=delivery.id, body=delivery.body, subject=delivery.subject, headers=delivery.headers, source=origin.source
    )
    if isinstance(event, Unreadable):
        return Reading(id=id, delivery=delivery, reason=event.reason)
    actions: list[Action] = []
    try:
        for binding in bindings:
            actions += binding.actions(event, now)
    except Invalid as error:
        return Reading(id=id, delivery=delivery, reason=f"{error.code}: {error.message}")
    except Exception as error:  # nothing that a message says should do this
        return Reading(id=id, delivery=delivery, bug=error)
    cause = f"{origin.source}:{delivery.id}"
    deeds = [
        Deed(tenant_id=origin.tenant_id, action=action, cause=f"{cause}/{number}")
        for number, action in enumerate(actions)
    ]
    return Reading(id=id, delivery=delivery, deeds=deeds)
