"""How much one consumer takes on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How much a consumer takes on."""

    #: Jobs taken by one claim.
    claim: int = 200
    #: Jobs handed to a handler at once.
    batch: int = 50
    #: Handlers running at the same time, besides one kept for urgent jobs and for those that no crowd comes with.
    senders: int = 4
    #: Jobs in the hands of handlers at the same time; None means as many as `senders` lists have.
    at_once: int | None = None
    lease: timedelta = timedelta(seconds=60)
    #: How often to look without having been called.
    poll: timedelta = timedelta(seconds=1)
