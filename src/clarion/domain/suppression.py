"""Addresses that are not written to any more: why, and which messages that stops. One rule, decided here alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from clarion.domain.address import parse_email, same_mailbox
from clarion.domain.feedback import Feedback
from clarion.domain.phone import parse_phone
from clarion.domain.step import Channel
from clarion.domain.workflow import Priority, Workflow


class Reason(StrEnum):
    """Why an address is suppressed."""

    HARD_BOUNCE = "hard_bounce"  #: a provider says that there is no such address, or that it never takes anything
    COMPLAINT = "complaint"  #: the recipient called a message spam
    MANUAL = "manual"  #: somebody who runs the application said so
    UNSUBSCRIBE = "unsubscribe"  #: the recipient wants no more of it
    SOFT_BOUNCES = "soft_bounces"  #: so many messages came back, one after the other, that it is not tried for a while


#: These stop critical messages too: they would not arrive, or somebody has decided it.
STOPS_CRITICAL = frozenset({Reason.HARD_BOUNCE, Reason.COMPLAINT, Reason.MANUAL})

#: What follows at once from what a provider says. A soft bounce is counted first, and a token is no address.
OF_FEEDBACK: Mapping[Feedback, Reason] = {
    Feedback.HARD_BOUNCE: Reason.HARD_BOUNCE,
    Feedback.COMPLAINT: Reason.COMPLAINT,
    Feedback.UNSUBSCRIBE: Reason.UNSUBSCRIBE,
}

#: What stands for all categories, where one could stand.
EVERY = ""

_PARSE: Mapping[str, Callable[[str], str]] = {Channel.EMAIL.value: parse_email, Channel.SMS.value: parse_phone}
_STRENGTH = {reason: number for number, reason in enumerate(Reason)}

#: The channels whose messages go to an address that can be suppressed.
CHANNELS = tuple(_PARSE)


class Suppression(NamedTuple):
    """One reason not to write to an address."""

    reason: Reason
    #: The category that it is about, or `EVERY`.
    category: str
    since: datetime

    def __str__(self) -> str:
        of = f" of category {self.category}" if self.category else ""
        return f"{self.reason}{of} since {self.since:%Y-%m-%dT%H:%M:%SZ}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftRule:
    """When soft bounces suppress an address."""

    #: So many since something arrived; 0 is never.
    count: int = 5
    #: How far back they are counted.
    window: timedelta = timedelta(days=30)
    #: How long the address is left alone then.
    lasts: timedelta = timedelta(days=30)


def stopping(found: Iterable[Suppression], *, category: str | None, critical: bool) -> Suppression | None:
    """The strongest of *found*, all of one address, that stops a message of *category*; None when it may go."""
    stops = [
        one for one in found if one.category in (EVERY, category) and (not critical or one.reason in STOPS_CRITICAL)
    ]
    return min(stops, key=lambda one: (_STRENGTH[one.reason], one.since)) if stops else None


def is_critical(workflow: Workflow, categories: Collection[str]) -> bool:
    """Whether messages of *workflow* are such that nobody can unsubscribe from them.

    By its own priority, not that of a trigger: who triggers must not get around what a recipient has said. *categories*
    are those that are critical whatever the priority.
    """
    return workflow.priority is Priority.CRITICAL or (workflow.category is not None and workflow.category in categories)


def is_offered(workflow: Workflow, categories: Collection[str]) -> bool:
    """Whether who gets messages of *workflow* is offered to unsubscribe: from its category, so it must have one."""
    return workflow.category is not None and not is_critical(workflow, categories)


def parse_address(channel: str, text: str) -> str:
    """*text* as an address of *channel* is stored; raises `Invalid`."""
    return _PARSE[channel](text)


def channel_of(address: str) -> str:
    """The channel that an address is of by its looks."""
    return Channel.EMAIL.value if "@" in address else Channel.SMS.value


def mailbox_of(channel: str, address: str) -> str:
    """The key by which two spellings of an *address*, as it is stored, are the same."""
    return same_mailbox(address) if channel == Channel.EMAIL.value else address
