"""What a provider's answer means: expected outcomes are values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple

from clarion.domain.feedback import Feedback


class Sent(NamedTuple):
    """The provider accepted the message."""

    #: The provider's own id; for SMTP the text of its reply to the final dot. Where it went in parts that have ids of
    #: their own, all of these, with blanks between them.
    provider_id: str


class Pushback(StrEnum):
    """What the domain that a mail is for asks of us, beside the fate of that mail."""

    AWAY = "away"  #: to leave it alone for a while: no mail for it is taken now
    SLOWER = "slower"  #: perhaps to be slower: this one was put off, and if many are, all of them may be


@dataclass(frozen=True, slots=True)
class Retry:
    """Not accepted, certainly not sent; trying again may help."""

    reason: str
    #: How long the provider asked us to wait, if it did.
    after: timedelta | None = None
    #: Whether everybody should wait that long before using this provider account again.
    pause_provider: bool = False
    #: Whether it says nothing against the account: it is only busy, or was not asked. Else a breaker counts it. To the
    #: message it is all the same.
    blameless: bool = field(default=False, compare=False)
    #: What it says of the domain that the message is for, if anything: then it says nothing against the account.
    pushback: Pushback | None = field(default=None, compare=False)
    #: Whether the wait (there is an `after` then) costs the message no attempt: where it goes is busy, not the account.
    unspent: bool = False


@dataclass(frozen=True, slots=True)
class Reject:
    """Not accepted, and trying again will not help."""

    reason: str
    #: A stable word: ``rejected``, ``invalid_recipient``, ``too_large``, ``smtputf8_unsupported`` …
    code: str = "rejected"
    #: What it says of the address, if it says anything of it.
    feedback: Feedback | None = None


@dataclass(frozen=True, slots=True)
class Uncertain:
    """It was handed over and nobody can know whether it was taken (RFC 1047)."""

    reason: str
    #: Whether it says nothing against the account: the server is one that users name. To the message it is all one.
    blameless: bool = field(default=False, compare=False)
    #: Whether the server has answered, and said that it failed: who gives up on it calls the message failed.
    answered: bool = False


Outcome = Sent | Retry | Reject | Uncertain
