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
    lease: timedelta = timedelta(seconds=60)
    #: How often to look without having been called.
    poll: timedelta = timedelta(seconds=1)
