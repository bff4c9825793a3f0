"""The seam to message brokers: what comes in (`Source`) and what goes out (`Sink`).

A source hands over deliveries and is told what became of each; it never decides. It acknowledges only when it is told
to, which is after the commit. Reconnecting is not its business: it raises `Disconnected`, and whoever runs it opens
another.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from clarion.domain.outcome import Outcome


class Disconnected(Exception):
    """The broker is away, the connection is lost, or the consumer has gone deaf: open it anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message as a broker handed it over."""

    #: The same however often the broker delivers this message, and no other message of the source has it, ever.
    id: str
    body: bytes
    #: What it was sent to: a routing key, a subject, the name of a job.
    subject: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    #: Whether the broker says that it was delivered before.
    redelivered: bool = False
    #: The adapter's own: what it acknowledges by.
    token: object = None

    def __hash__(self) -> int:
        """By id alone."""
        return hash(self.id)


class Source(ABC):
    """Deliveries of one queue, stream or consumer, over one connection of its own. Not to be opened twice."""

    #: Unique among all sources and the same for ever: deliveries are told apart by it and their ids.
    name: str
    #: Whether deliveries stay unacknowledged until what they caused has ended, with `progress` told meanwhile.
    follows: bool = False

    @abstractmethod
    async def open(self) -> None:
        """Connect, and declare or check what is there. Raises `Disconnected`; `ConfigError` for what will not mend."""

    @abstractmethod
    def batches(self) -> AsyncIterator[Sequence[Delivery]]:
        """Whatever has come, as lists of at least one; waits when there is nothing. Raises `Disconnected`.

        Never more than a bound is handed over and not settled (prefetch): so a slow reader holds the broker back.
        """

    @abstractmethod
    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        """These are done with: committed, or put aside for good. Raises `Disconnected`; then they come again."""

    @abstractmethod
    async def nack(self, deliveries: Sequence[Delivery], *, after: timedelta | None = None) -> None:
        """These could not be taken now: deliver them again, not before *after* where the broker can wait."""

    async def fail(self, delivery: Delivery, reason: str) -> None:
        """It can never be used, and lies in quarantine here. Brokers with a place for failed ones put it there too."""
        await self.ack([delivery])

    async def keep(self, deliveries: Sequence[Delivery]) -> None:  # noqa: B027 - most need not
        """Still at work on these: keep the broker from delivering them to others."""

    async def progress(self, delivery: Delivery, percent: int) -> None:  # noqa: B027 - most cannot
        """How far what it caused has come, for brokers that show it."""

    @abstractmethod
    async def check(self) -> None:
        """Ask the broker whether this consumer is still there and heard. Raises `Disconnected` when it is not."""

    @abstractmethod
    async def close(self) -> None:
        """Stop taking, and let go of the connection. Idempotent; never raises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """One message to hand to a broker or an endpoint."""

    #: The same at every attempt: receivers tell repeats by it.
    id: str
    #: Where to, in the words of the kind of sink: see `clarion.domain.action.Publish.target`.
    target: Mapping[str, str]
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    #: All of what caused it happened, and it is not to leave (see `clarion.brokers.sandbox`).
    sandbox: bool = False


class Sink(ABC):
    """Hands messages to one broker over one connection, which it opens when needed and replaces when lost."""

    #: E.g. ``nats``; with the name of the broker, what pauses and limits are shared by.
    kind: str

    @abstractmethod
    async def publish(self, publications: Sequence[Publication]) -> list[Outcome]:
        """Hand over all, and wait for the broker's word on each; in the same order. A broker's trouble is an outcome.

        `Sent` only when the broker has confirmed it; `Uncertain` when it may have taken it.
        """

    @abstractmethod
    async def close(self) -> None:
        """Let go of the connection. Idempotent; never raises."""
