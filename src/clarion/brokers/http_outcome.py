"""What the answer of an endpoint means for what was posted to it: pure functions.

status                     outcome
-------------------------  --------------------------------------------------------------------------
2xx                        Sent
3xx                        Reject redirect: it is not followed
408, 425, 429, 5xx         Retry; everybody waits where `Retry-After` of a 429 or a 503 says how long
410                        Reject gone: the endpoint wants no more, of anything
anything else              Reject rejected
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from clarion.domain.outcome import Outcome, Reject, Retry, Sent

#: No endpoint makes us wait longer.
LONGEST_WAIT = timedelta(days=1)

_TRY_AGAIN = frozenset({408, 425, 429})
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
    if status in _TRY_AGAIN or 500 <= status < 600:
        return Retry(shown, after=retry_after, pause_provider=status in _EVERYBODY and retry_after is not None)
    return Reject(shown)


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
