"""The seam between delivering and the outside world: what a channel's provider must do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from clarion.domain.content import EmailContent
from clarion.domain.outcome import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Email:
    """One mail to hand over."""

    #: The message's id: the provider's idempotency key, and the left half of the Message-ID.
    message_id: UUID
    #: The bare address of the recipient (envelope and header).
    to: str
    to_name: str | None
    #: ``Name <address>`` or an address; already checked against the configured domains.
    sender: str
    content: EmailContent
    #: Further headers, e.g. ``X-Order``; names and values are checked by the builder.
    headers: tuple[tuple[str, str], ...] = ()


class EmailProvider(ABC):
    """Hands mails to one provider account.

    `send` is given a batch and answers one outcome per mail, in the same order. It never raises for what a provider
    or a network may do: that is an outcome. It is safe to call from several tasks at once.
    """

    #: A short name for logs, attempts and metrics, e.g. ``smtp``.
    name: str

    @abstractmethod
    async def send(self, mails: Sequence[Email]) -> list[Outcome]:
        """Hand over *mails* and wait for an outcome of each."""

    @abstractmethod
    async def close(self) -> None:
        """Say goodbye to the provider and free all connections. May be called more than once."""
