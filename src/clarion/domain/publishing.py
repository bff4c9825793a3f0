"""What becomes of a message for a broker or an endpoint after an attempt; and the envelope that webhooks wear."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from clarion.domain.backoff import wait
from clarion.domain.outcome import Outcome, Reject, Retry, Sent, Uncertain
from clarion.domain.workflow import Backoff


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often and how long publishing is tried."""

    #: Tries in all, the first included.
    attempts: int
    backoff: Backoff

    @classmethod
    def of(cls, attempts: int, first_wait: timedelta, longest_wait: timedelta) -> Patience:
        """*attempts* tries in all, each wait four times the last."""
        return cls(attempts=attempts, backoff=Backoff(waits=(first_wait,), factor=4.0, longest=longest_wait))


@dataclass(frozen=True, slots=True)
class Published:
    """It is with the receiver: the end."""

    receipt: str


@dataclass(frozen=True, slots=True)
class Later:
    """It is tried again."""

    after: timedelta
    reason: str
    #: False when it is no fault of this message: everybody waits.
    spent: bool = True


@dataclass(frozen=True, slots=True)
class Buried:
    """It is put away, for somebody to look at and redrive."""

    reason: str


def after_publishing(outcome: Outcome, patience: Patience, *, tried: int, chance: float) -> Published | Later | Buried:
    """The move of a publication whose attempt number *tried* came to *outcome*; *chance* in 0…1 is the jitter.

    What nobody can know is tried again, with the same id: receivers tell the repeat by it.
    """
    match outcome:
        case Sent(receipt):
            return Published(receipt)
        case Reject(reason, code):
            return Buried(f"{code}: {reason}")
        case Retry(reason, after, pause_provider) if pause_provider and after is not None:
            return Later(after * (1 + 0.2 * chance), reason, spent=False)
        case Retry(reason, after, _):
            return _again(reason, after, patience, tried, chance)
        case Uncertain(reason):
            return _again(f"perhaps delivered: {reason}", None, patience, tried, chance)


def cloud_event(id: str, type: str, at: str, data: Any) -> dict[str, Any]:
    """*data* as a CloudEvents 1.0 event in structured JSON: what happened, when, and the id that repeats share."""
    return {
        "specversion": "1.0",
        "id": id,
        "source": "clarion",
        "type": type,
        "time": at,
        "datacontenttype": "application/json",
        "data": data,
    }


def _again(reason: str, after: timedelta | None, patience: Patience, tried: int, chance: float) -> Later | Buried:
    if tried >= patience.attempts:
        return Buried(f"gave up after {tried} attempts: {reason}")
    return Later(max(wait(patience.backoff, tried, chance), after or timedelta(0)), reason)
