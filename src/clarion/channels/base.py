"""The seam between delivering and the outside world: what a channel's provider must do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar
from uuid import UUID

from clarion.domain.attachment import Reference
from clarion.domain.content import ChatContent, EmailContent, PushContent, SmsContent
from clarion.domain.feedback import Feedback
from clarion.domain.outcome import Outcome, Retry
from clarion.domain.status import Status
from clarion.domain.workflow import Priority

if TYPE_CHECKING:
    from clarion.channels.email.enclosed import Enclosed
    from clarion.http.url_guard import Destination


class Wanted(NamedTuple):
    """Files that are to go with mails: the same value for all mails of a trigger that have the same ones."""

    tenant_id: UUID
    trigger_id: UUID
    references: tuple[Reference, ...]


class Email(NamedTuple):
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
    #: Files that are to go with it, and, once they are there, these.
    wanted: Wanted | None = None
    enclosed: Enclosed | None = None
    #: Here as of every channel: all of it happened, and it is not to leave (see `clarion.channels.sandbox`).
    sandbox: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sms:
    """One text message to hand over."""

    message_id: UUID
    #: The recipient's number in E.164 form, e.g. ``+31612345678``.
    to: str
    #: A number in E.164 form, a short code, a name of up to 11 letters, or what the provider calls a group of these;
    #: empty for the account's own.
    sender: str
    content: SmsContent
    sandbox: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """One push message to hand over."""

    #: The message's id: by it a device tells a repetition.
    message_id: UUID
    #: The token of the device, as the provider gave it to the application there.
    to: str = field(repr=False)
    content: PushContent
    #: How long the provider keeps it for a device that is away.
    ttl: timedelta
    #: That of the workflow.
    priority: Priority = Priority.NORMAL
    #: Whose the token is: the kind of provider.
    whose: str = ""
    sandbox: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """One chat message to hand over."""

    message_id: UUID
    #: Where the provider finds the chat: an id, a name, or the address of a webhook, which is a secret. Empty for the
    #: account's own room.
    to: str = field(repr=False)
    content: ChatContent
    sandbox: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """One message to post to a webhook."""

    #: Which webhook, among all: each has connections of its own.
    place: Hashable
    #: ``webhook-id``: by it the receiver tells a repetition.
    id: str
    to: Destination
    #: The keys that sign: the new one and, while the receiver changes over, the old one. Never shown.
    secrets: tuple[bytes, ...] = field(repr=False)
    body: bytes
    sandbox: bool = False


Item = TypeVar("Item")

#: The path under which the API hears what providers tell, before the kind and the name of the account.
CALLBACKS_PATH = "/v1/callbacks"


def label_of(kind: str, name: str) -> str:
    """What the account *name* at a provider of this *kind* is called where all workers share its limits and pauses, and
    with the attempts made through it, by which what it tells later is known."""
    return f"{kind}:{name}"


class Asked(NamedTuple):
    """A message of which its provider is asked what became of it."""

    message_id: UUID
    #: As `Sent` had it.
    provider_id: str


class Provider(ABC, Generic[Item]):
    """Hands messages to one account at one provider.

    `send` is given a list and answers one outcome per message, in the same order. It never raises for what a provider
    or a network may do: that is an outcome. It is safe to call from several tasks at once.
    """

    #: A short name for logs, attempts and metrics, e.g. ``smtp``.
    name: str
    #: So long after a message was handed over it is asked what became of it; None where it is not to be asked.
    asks_after: timedelta | None = None

    @abstractmethod
    async def send(self, items: Sequence[Item]) -> list[Outcome]:
        """Hand over *items* and wait for an outcome of each."""

    async def ask(self, asked: Sequence[Asked]) -> Heard | Retry:
        """What became of messages that were handed over, or why that cannot be said now. Asking changes nothing."""
        raise NotImplementedError

    @abstractmethod
    async def close(self) -> None:
        """Say goodbye to the provider and free all connections. May be called more than once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """A request that claims to come from a provider, as it arrived."""

    #: The address that the provider was told, with the query as it came: what some providers sign.
    url: str
    #: Names in lower case.
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a provider tells later of one message."""

    #: Ours, which it was given with the message and gives back.
    message_id: UUID
    #: Its own id of the message, as `Sent` had it; None where it knows none, and proves in another way that it had it.
    provider_id: str | None
    #: ``sent``, ``delivered``, ``bounced`` or ``failed``.
    status: Status
    reason: str | None = None
    #: What it says of the address, if it says anything of it; a complaint comes with ``delivered``.
    feedback: Feedback | None = None
    #: The same for the same report, however often it comes: by this a repetition is known.
    key: str


class Heard(NamedTuple):
    """What a provider that was asked has said."""

    #: Of those that it has something to say of which is not known yet.
    reports: Sequence[Report]
    #: Those of which it knows nothing yet: they may be asked about again.
    missing: Sequence[Asked]


class Callbacks(ABC):
    """Believes or refuses what a provider tells later."""

    async def receive(self, callback: Callback, now: datetime) -> Sequence[Report]:
        """As `read`, for those who must ask the provider something first: only when that could not be anybody's word.

        Raises `clarion.errors.Forged`; `clarion.errors.Unavailable` where what is needed cannot be had now.
        """
        return self.read(callback, now)

    @abstractmethod
    def read(self, callback: Callback, now: datetime) -> Sequence[Report]:
        """What *callback* says, checked on its raw octets before any of it is looked at.

        None for what is genuine and says nothing of use. Raises `clarion.errors.Forged`.
        """

    async def close(self) -> None:  # noqa: B027 - most have nothing to close
        """Free what is held. May be called more than once."""
