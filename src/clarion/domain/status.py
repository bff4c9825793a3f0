"""What a message is, and how it may move from one status to the next."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Status(StrEnum):
    """Where a message is in its life. Each line says how it got here and who moves it on."""

    QUEUED = "queued"  #: written with its job; a worker will claim it, also again after a failed attempt
    SENDING = "sending"  #: an intent is committed; its worker records the outcome, or whoever recovers it does
    SENT = "sent"  #: the provider accepted it and gave an id; a callback may still move it on
    DELIVERED = "delivered"  #: the provider told us that it arrived, or the feed row is committed
    FAILED = "failed"  #: refused, or out of attempts; an operator may retry it
    BOUNCED = "bounced"  #: accepted first, then returned by the provider
    SKIPPED = "skipped"  #: never tried, for the reason given with it
    CANCELLED = "cancelled"  #: withdrawn by its sender before it was sent
    EXPIRED = "expired"  #: its deadline passed before it could be sent; an operator may retry it
    UNKNOWN = "unknown"  #: handed over, but nobody can know whether it was taken; an operator decides


MOVES: Mapping[Status, frozenset[Status]] = {
    Status.QUEUED: frozenset(
        {Status.SENDING, Status.DELIVERED, Status.FAILED, Status.SKIPPED, Status.CANCELLED, Status.EXPIRED}
    ),
    Status.SENDING: frozenset(
        {Status.SENT, Status.QUEUED, Status.FAILED, Status.CANCELLED, Status.EXPIRED, Status.UNKNOWN}
    ),
    Status.SENT: frozenset({Status.DELIVERED, Status.BOUNCED, Status.FAILED}),
    Status.DELIVERED: frozenset({Status.BOUNCED}),
    Status.FAILED: frozenset({Status.QUEUED}),
    Status.BOUNCED: frozenset(),
    Status.SKIPPED: frozenset(),
    Status.CANCELLED: frozenset(),
    Status.EXPIRED: frozenset({Status.QUEUED}),
    Status.UNKNOWN: frozenset({Status.QUEUED, Status.SENT}),
}

#: A message in one of these has work ahead of it: there is a job with its id.
OPEN = frozenset({Status.QUEUED, Status.SENDING})

#: A message in one of these may be retried by hand.
RETRYABLE = frozenset({Status.FAILED, Status.UNKNOWN, Status.EXPIRED})


def may_move(old: Status, new: Status) -> bool:
    """Whether an *old* message may become *new*."""
    return new in MOVES[old]


def sources(new: Status) -> list[str]:
    """The statuses from which a message may become *new*: the guard of a compare-and-set."""
    return sorted(old.value for old, news in MOVES.items() if new in news)


def mermaid() -> str:
    """The table of moves as a diagram, for docs/explanation/lifecycle.md."""
    arrows = (f"    {old} --> {new}" for old, news in MOVES.items() for new in sorted(news))
    return "\n".join(["stateDiagram-v2", "    [*] --> queued", "    [*] --> skipped", *arrows])
