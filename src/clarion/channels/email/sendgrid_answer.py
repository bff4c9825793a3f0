"""What SendGrid's answer to a new mail means: pure functions over the fields that its errors name.

Sources, as of November 2026: https://www.twilio.com/docs/sendgrid/api-reference/how-to-use-the-sendgrid-v3-api/errors,
https://www.twilio.com/docs/sendgrid/api-reference/mail-send/errors (fields and words),
https://www.twilio.com/docs/sendgrid/api-reference/how-to-use-the-sendgrid-v3-api/rate-limits.

answer                                     outcome
-----------------------------------------  ------------------------------------------------------------------
2xx with ``X-Message-Id``                  Sent, with that id
2xx with errors                            as they say
any other 2xx                              Uncertain: it says that it was taken, and not as what
429                                        Retry, everybody waits: until ``Retry-After`` or ``X-RateLimit-Reset`` says
451                                        Retry, everybody waits: the wrong region; no message is the worse
5xx other than 503                         Uncertain: sending is not idempotent
400 about an address of `to`               Reject invalid_recipient, and the address is dead
400, 403 about `from`                      Reject sender_refused
any other                                  by the HTTP status: `clarion.http.outcome.of_refusal`
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from clarion.domain.feedback import Feedback
from clarion.domain.outcome import Outcome, Reject, Retry, Sent, Uncertain
from clarion.http.outcome import BUSY, LONGEST_WAIT, locked_out
from clarion.http.reply import Reply, printable

_ID = re.compile(r"[A-Za-z0-9_.-]{10,200}")
_RECIPIENT = re.compile(r"personalizations\.[0-9]+\.to\b.*")
_SENDER = re.compile(r"from\b.*")
_BUSY, _WRONG_REGION = 429, 451
_OF_THE_MAIL = frozenset({400, 403})


def outcome_of(reply: Reply, now: datetime) -> Outcome:
    """The outcome of a request to send a mail that was answered with *reply*, at the time *now*."""
    field, words = _first_error(reply)
    said = f"HTTP {reply.status}" + (f", {field}" if field else "") + (f": {words}" if words else "")
    if reply.ok:
        id = reply.headers.get("x-message-id", "")
        return Sent(id) if _ID.fullmatch(id) else _by_field(field, said) or Uncertain(f"{said}; it has no id of a mail")
    if reply.status == _BUSY:
        return Retry(said, after=reply.retry_after or _reset(reply, now) or BUSY, pause_provider=True, blameless=True)
    if reply.status == _WRONG_REGION:
        return locked_out(said)
    known = _by_field(field, said) if reply.status in _OF_THE_MAIL else None
    return known or reply.refusal(said, idempotent=False)


def _by_field(field: str, said: str) -> Outcome | None:
    if _RECIPIENT.fullmatch(field):
        return Reject(said, code="invalid_recipient", feedback=Feedback.HARD_BOUNCE)
    return Reject(said, code="sender_refused") if _SENDER.fullmatch(field) else None


def _first_error(reply: Reply) -> tuple[str, str]:
    """The field and the words of the first error."""
    errors = reply.json.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    if not isinstance(first, dict):
        return "", "" if reply.ok else reply.shown
    field, words = (
        printable(text) if isinstance(text := first.get(name), str) else "" for name in ("field", "message")
    )
    return field, words


def _reset(reply: Reply, now: datetime) -> timedelta | None:
    given = reply.headers.get("x-ratelimit-reset", "")
    if not re.fullmatch(r"[0-9]{1,10}", given):
        return None
    wait = datetime.fromtimestamp(int(given), UTC) - now
    return min(wait, LONGEST_WAIT) if wait > timedelta(0) else None
