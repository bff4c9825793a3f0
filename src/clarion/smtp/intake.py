"""What a server of SMTP asks for: somebody who takes the mails, how to speak meanwhile, and how much may come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Arrival:
    """A mail as it came: its envelope and its bytes, dots unstuffed."""

    mail_from: bytes
    recipients: tuple[bytes, ...]
    raw: bytes


class Answering(Protocol):
    """A connection that waits to answer."""

    def answer(self, first_id: int | None) -> None:
        """Send the replies held back. *first_id* is the number of the batch's first mail; None: they are not kept."""
        ...

    def hold(self) -> None:
        """Hear nothing more until `answer`: an intake that takes longer than a turn of the event loop wants that."""
        ...


class Intake(Protocol):
    """Takes mails in a batch: one for all that come in the same turn of the event loop."""

    def add(self, arrival: Arrival) -> int:
        """Take a mail into the batch; its place there, counted from 0. `wait` is called too."""
        ...

    def wait(self, connection: Answering) -> None:
        """Have *connection* `answer` once what is in the batch is safe. Called once a batch."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """How a server speaks, and to whom it lends its ear."""

    #: What it calls itself.
    name: bytes
    #: The reply to a mail that was taken under this number.
    taken: Callable[[int], bytes]
    #: The reply to one that could not be kept now.
    not_kept: bytes
    #: The reply that refuses a mail which is begun now, or a recipient for whom nothing is taken here; None: it may be.
    refuse: Callable[[], bytes | None] = lambda: None
    refuse_recipient: Callable[[bytes], bytes | None] = lambda _: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a client may do."""

    #: The largest mail, in bytes.
    size: int = 25 << 20
    #: Seconds of silence after which a connection is closed (RFC 5321 §4.5.3.2.7).
    idle_s: float = 300.0
    #: Recipients of one mail, and clients at the same time.
    recipients: int = 1000
    connections: int = 10_000
