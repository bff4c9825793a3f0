"""What the status of an answer means for what was posted: pure functions.

of an endpoint of somebody's, who wants a webhook (`of_status`)
----------------------------------------------------------------------------------------------------
2xx                        Sent
3xx                        Reject redirect: it is not followed
408, 425, 429, 503         Retry; everybody waits where `Retry-After` of a 429 or a 503 says how long
other 5xx                  Uncertain: it broke, or what stands before it lost its answer; perhaps it was taken
410                        Reject gone: the endpoint wants no more, of anything
anything else              Reject rejected

of a provider that is to carry a message (`of_refusal`): an operator's mistake burns no message
----------------------------------------------------------------------------------------------------
429                        Retry, everybody waits: as long as `Retry-After` says, or a little
408, 425, 503              Retry; everybody waits where `Retry-After` says how long
other 5xx                  Retry where the provider knows a repeated message; else Uncertain: it may have taken it
401, 403, 404, 405, 3xx    Retry, everybody waits: credentials or address are wrong, and somebody must change that
413                        Reject too_large
anything else              Reject rejected
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from clarion.domain.outcome import Outcome, Reject, Retry, Sent, Uncertain

#: No endpoint makes us wait longer.
LONGEST_WAIT = timedelta(days=1)

#: How long everybody waits for a provider that has too many requests and does not say how long.
BUSY = timedelta(seconds=5)
#: … and for one that does not let us in.
LOCKED_OUT = timedelta(seconds=60)

_TRY_AGAIN = frozenset({408, 425, 429})
_NOT_NOW = frozenset({408, 425, 503})
_NOT_LET_IN = frozenset({401, 403, 404, 405})
_EVERYBODY = frozenset({429, 503})


def of_status(status: int, retry_after: timedelta | None, said: str = "") -> Outcome:
    """The outcome of an answer with *status*; *said* is what people should see of its body."""
    shown = f"HTTP {status}" + (f": {said}" if said else "")
    if 200 <= status < 300:
        return Sent(f"HTTP {status}")
    if 300 <= status < 400:
        return Reject(f"{shown}, and redirects are not followed", code="redirect")
    if status == 410:
        return Reject("HTTP 410: the endpoint wants no more", code="gone")
    if 500 <= status < 600 and status != 503:
        return Uncertain(shown, answered=True)
    if status in _TRY_AGAIN or status == 503:
        return Retry(shown, after=retry_after, pause_provider=status in _EVERYBODY and retry_after is not None)
    return Reject(shown)


def of_refusal(status: int, retry_after: timedelta | None, said: str, *, idempotent: bool) -> Outcome:
    """The outcome of a message that a provider did not take, by the *status* alone.

    *said* is the reason for people; *idempotent*: whether the provider would know the message again.
    """
    if status == 429:
        return Retry(said, after=retry_after or BUSY, pause_provider=True, blameless=True)
    if status in _NOT_NOW:
        return Retry(said, after=retry_after, pause_provider=retry_after is not None)
    if 500 <= status < 600:
        return Retry(said, after=retry_after) if idempotent else Uncertain(said)
    if status in _NOT_LET_IN or 300 <= status < 400:
        return locked_out(said)
    return Reject(said, code="too_large" if status == 413 else "rejected")


def locked_out(said: str) -> Outcome:
    """The outcome where the account cannot be used until somebody changes something: no message is the worse for it."""
    return Retry(f"the provider does not let us in: {said}", after=LOCKED_OUT, pause_provider=True)


def parse_retry_after(text: str | None, now: datetime) -> timedelta | None:
    """How long to wait by a ``Retry-After`` of seconds or a date; None for none, and for what is no wait at all."""
    if text is None:
        return None
    text = text.strip()
    if re.fullmatch(r"[0-9]+", text):
        wait = timedelta(seconds=int(text)) if len(text) <= 9 else LONGEST_WAIT
    else:
        try:
            at = parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return None
        wait = (at if at.tzinfo else at.replace(tzinfo=UTC)) - now
    return min(wait, LONGEST_WAIT) if wait > timedelta(0) else None
