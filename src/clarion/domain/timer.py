"""What a timer is, and what names the things that it causes."""

from __future__ import annotations

from enum import StrEnum

from clarion.domain.identifier import check_identifier


class TimerStatus(StrEnum):
    """Where a timer is in its life. Each line says how it got here and who moves it on."""

    PENDING = "pending"  #: set; a worker fires it when it is due, unless it is cancelled before
    FIRED = "fired"  #: its time has come and its actions are done, or noted as failed; setting it again begins anew
    CANCELLED = "cancelled"  #: taken back before it fired; it can be un-cancelled, or set again


class Cancelled(StrEnum):
    """What became of a request to cancel a timer."""

    CANCELLED = "cancelled"  #: it will not fire; also when it was cancelled already
    TOO_LATE = "too_late"  #: it has fired
    UNKNOWN = "unknown"  #: there is no timer of that key


#: How the key of a timer in the sandbox begins. No other has a colon: neither takes the place of the other.
_SANDBOX = "sandbox:"


def sandboxed(key: str) -> str:
    """What the timer *key* is called in the sandbox."""
    return _SANDBOX + key


def is_sandboxed(key: str) -> bool:
    """Whether the timer *key* is in the sandbox: all that it does happens there."""
    return key.startswith(_SANDBOX)


def plain_key(key: str) -> str:
    """How the timer *key* was called when it was set, in the sandbox or not."""
    return key.removeprefix(_SANDBOX)


def check_prefix(text: str) -> str:
    """*text*, when keys of timers can begin so, in the sandbox or not; raises `BadId` otherwise."""
    if text != _SANDBOX:
        check_identifier(plain_key(text))
    return text


def cause_of(shown_id: str, rev: int, action: int) -> str:
    """What names one action of one firing of the timer *shown_id*: the same however often it is tried."""
    return f"timer:{shown_id}:{rev}/{action}"
