"""What Twilio's answer to a new message means: pure functions over a table of its error codes.

Sources, as of November 2026: https://www.twilio.com/docs/messaging/api/message-resource (what is answered, statuses),
https://www.twilio.com/docs/api/errors (each code has a page), https://www.twilio.com/docs/iam/test-credentials.

answer                                     outcome
-----------------------------------------  ------------------------------------------------------------------
2xx with the message's sid                 Sent, with the sid
2xx with an error code of the table        as the code says
any other 2xx                              Uncertain: it says that it was taken, and not as what
5xx other than 503                         Uncertain: sending is not idempotent, and a message may have been made all
                                           the same (page 20500)
20429                                      Retry, everybody waits: such requests are never processed (its page)
21611                                      Retry, everybody waits: the sender's queue at Twilio is full
63038                                      Retry, everybody waits for a minute: the messages of a day are used up
20003, 10001, 21609 …                      Retry, everybody waits: the account or its settings; no message is the worse
a code about the number, the sender …      Reject, with the reason's code
any other                                  by the HTTP status: `clarion.http.outcome.of_refusal`

Twilio warns that codes change (https://www.twilio.com/en-us/changelog, 10 July 2024): a code that is not in the table
is judged by the HTTP status alone, as Twilio recommends.
"""

from __future__ import annotations

import re
from datetime import timedelta

from clarion.domain.feedback import Feedback
from clarion.domain.outcome import Outcome, Reject, Retry, Sent, Uncertain
from clarion.http.outcome import BUSY, locked_out
from clarion.http.reply import Reply, printable

#: How long everybody waits when a sender's queue is full, or the day.
_FULL = timedelta(minutes=1)

_SID = re.compile(r"(SM|MM)[0-9a-fA-F]{32}")
_NEVER_SENT = frozenset({"failed", "undelivered", "canceled"})

_RATE_LIMITED = frozenset({20429})
_QUEUE_FULL = frozenset({21611})
_DAY_IS_FULL = frozenset({63038})
#: Not logged in, or an account that may not; a `StatusCallback` that Twilio does not take; an account that is not
#: active, for want of money or because it was suspended.
_LOCKED_OUT = frozenset({20003, 21609, 10001, 20005, 30002, 90010})
#: Not a number; no mobile one; a premium one; a landline.
_RECIPIENT = frozenset({21211, 21614, 21268, 21635})
#: Those that never take a text message. The others may be a mistake of the sender: 21211 is its own number, too.
_NEVER = frozenset({21614, 21635})
_UNSUBSCRIBED = frozenset({21610})
#: Told later, in a callback: nobody has the number …
_GONE = frozenset({30005})
#: … or the handset is off or out of reach, it is a landline, or its carrier cannot be reached.
_UNREACHABLE = frozenset({30003, 30006})
#: The region is off in the account's settings; no route; not verified, or not to the end, and the account is on trial.
_DESTINATION = frozenset({21408, 21612, 21608, 572005})
#: Not a number; not the account's, or of another one; not fit for messages, or not there; no such messaging service, or
#: none with a number, or with one that can write there.
_SENDER = frozenset({21212, 21401, 21601, 21606, 21616, 21659, 21660, 21701, 21703, 21704, 21705})
_TOO_LONG = frozenset({21605, 21617, 21658})
_WAIT = _RATE_LIMITED | _QUEUE_FULL | _DAY_IS_FULL | _LOCKED_OUT
_KNOWN = _WAIT | _RECIPIENT | _UNSUBSCRIBED | _DESTINATION | _SENDER | _TOO_LONG


def outcome_of(reply: Reply) -> Outcome:
    """The outcome of a request to send a message that was answered with *reply*."""
    code = _error_code(reply)
    said = _said(reply, code)
    if reply.ok:
        return _taken(reply, code, said)
    if code in _KNOWN and not 500 <= reply.status < 600:
        return _by_code(code, said, reply)
    return reply.refusal(said, idempotent=False)


def _taken(reply: Reply, code: int | None, said: str) -> Outcome:
    sid = reply.json.get("sid")
    if isinstance(sid, str) and _SID.fullmatch(sid):
        if reply.json.get("status") not in _NEVER_SENT:
            return Sent(sid)
        return _by_code(code, said, reply) if code in _KNOWN else Reject(said)
    return _by_code(code, said, reply) if code in _KNOWN else Uncertain(f"{said}; it has no id of a message")


def _by_code(code: int | None, said: str, reply: Reply) -> Outcome:
    if code in _RATE_LIMITED:
        return Retry(said, after=reply.retry_after or BUSY, pause_provider=True, blameless=True)
    if code in _QUEUE_FULL | _DAY_IS_FULL:
        return Retry(said, after=reply.retry_after or _FULL, pause_provider=True, blameless=True)
    if code in _LOCKED_OUT:
        return locked_out(said)
    return Reject(said, code=_reject_code(code), feedback=feedback_of(code))


def feedback_of(code: int | None) -> Feedback | None:
    """What one of Twilio's codes says of the number itself."""
    if code in _UNSUBSCRIBED:
        return Feedback.UNSUBSCRIBE
    if code in _NEVER or code in _GONE:
        return Feedback.HARD_BOUNCE
    return Feedback.SOFT_BOUNCE if code in _UNREACHABLE else None


def _reject_code(code: int | None) -> str:
    if code in _RECIPIENT:
        return "invalid_recipient"
    if code in _UNSUBSCRIBED:
        return "unsubscribed"
    if code in _DESTINATION:
        return "destination_refused"
    if code in _SENDER:
        return "sender_refused"
    return "too_large" if code in _TOO_LONG else "rejected"


def _error_code(reply: Reply) -> int | None:
    """Twilio's own code: ``code`` of an error, ``error_code`` of a message."""
    for name in ("code", "error_code"):
        found = reply.json.get(name)
        if isinstance(found, int) and not isinstance(found, bool):
            return found
    return None


def _said(reply: Reply, code: int | None) -> str:
    message = reply.json.get("message") or reply.json.get("error_message")
    # A success repeats the message itself: none of it belongs into a reason.
    words = printable(message) if isinstance(message, str) else "" if reply.ok else reply.shown
    return f"HTTP {reply.status}" + (f", {code}" if code is not None else "") + (f": {words}" if words else "")
