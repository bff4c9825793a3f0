"""Webhooks of recipients, programs of theirs that are told by HTTP: what is known of one, and what a failure means."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from clarion.domain.duration import show_duration
from clarion.domain.outcome import Outcome, Reject, Retry, Sent
from clarion.errors import Invalid

#: Of one recipient.
MOST_WEBHOOKS = 20
MOST_WORKFLOWS = 100
LONGEST_DESCRIPTION = 500
#: So much of a secret is shown.
_SHOWN = 4
_MASK = "whsec_••••"
_TYPE = re.compile(r"[A-Za-z0-9_]+(?:[.-][A-Za-z0-9_]+)*")
_LONGEST_TYPE = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How it goes with one webhook, as its row has it."""

    #: Since when nothing arrived there; None: what was posted last did.
    failing_since: datetime | None = None
    #: Why not.
    error: str | None = None
    #: It asked to be left alone until then.
    paused_until: datetime | None = None
    #: Why nothing more is posted to it.
    disabled: str | None = None


class Landed(NamedTuple):
    """What was posted to one webhook came to this."""

    outcomes: Sequence[Outcome]
    #: Whether it was failing, or was paused, before.
    troubled: bool

    @property
    def matters(self) -> bool:
        """Whether there is anything to remember: while all goes well there is not."""
        return self.troubled or not all(isinstance(one, Sent) for one in self.outcomes)


def after(health: Health, outcomes: Sequence[Outcome], now: datetime, patience: timedelta) -> Health:
    """How it goes with a webhook after *outcomes*; when it fails for *patience*, it is disabled.

    One that says itself that it wants no more (410) is disabled at once.
    """
    gone = next((one for one in outcomes if isinstance(one, Reject) and one.code == "gone"), None)
    if gone is not None:
        since = health.failing_since or now
        return Health(failing_since=since, error=gone.reason, disabled=gone.reason)
    waits = [one.after for one in outcomes if isinstance(one, Retry) and one.pause_provider and one.after is not None]
    paused = max([now + wait for wait in waits] + ([health.paused_until] if health.paused_until else []), default=None)
    paused = paused if paused is not None and paused > now else None
    failures = [one for one in outcomes if not isinstance(one, Sent)]
    if len(failures) < len(outcomes):
        return Health(paused_until=paused)
    since, error = health.failing_since or now, failures[-1].reason
    if now - since < patience:
        return Health(failing_since=since, error=error, paused_until=paused)
    why = f"nothing arrived there for {show_duration(patience)}; the last failure: {error}"
    return Health(failing_since=since, error=error, disabled=why)


def check_type(text: str) -> str:
    """*text*, when it can say what has happened, such as ``order.shipped``; raises `Invalid`."""
    if len(text) > _LONGEST_TYPE or not _TYPE.fullmatch(text):
        raise Invalid(
            f"expected up to {_LONGEST_TYPE} letters, digits and _, with . or - between parts, such as order.shipped"
        )
    return text


def shorten(secret: str) -> str:
    """*secret* as it is shown once it has been told."""
    return _MASK + secret[-_SHOWN:]
