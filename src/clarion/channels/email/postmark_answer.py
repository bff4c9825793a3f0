"""What Postmark's answer to a new mail means: pure functions over a table of its error codes.

Source, as of November 2026: https://postmarkapp.com/developer/api/overview (statuses and error codes).

answer                                     outcome
-----------------------------------------  ------------------------------------------------------------------
2xx with error code 0 and the message's id Sent, with the id
2xx with an error code of the table        as the code says
any other 2xx                              Uncertain: it says that it was taken, and not as what
5xx other than 503                         Uncertain: sending is not idempotent
10, 405, 413, 422, 1235, 1236, 1480        Retry, everybody waits: the account or its stream; no message is the worse
412                                        Reject destination_refused: until Postmark has approved the account, it
                                           sends to the sender's own domain alone
100                                        Retry: maintenance
429                                        Retry, everybody waits
300 about 'To', 406                        Reject invalid_recipient, and the address is dead
300 about 'From', 400, 401                 Reject sender_refused
any other                                  by the HTTP status: `clarion.http.outcome.of_refusal`
"""

from __future__ import annotations

import re

from clarion.domain.feedback import Feedback
from clarion.domain.outcome import Outcome, Reject, Retry, Sent, Uncertain
from clarion.http.outcome import BUSY, locked_out
from clarion.http.reply import Reply, printable

_ID = re.compile(r"[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")

_MAINTENANCE = 100
_RATE_LIMITED = 429
#: "Invalid email request": its words say which of the addresses.
_INVALID = 300
#: It bounced, complained or was taken off by hand before: Postmark does not send to it.
_INACTIVE = 406
#: Not the server's token; out of credit; an account that may not send, or none; no such stream, or another's; not from
#: this address of ours.
_LOCKED_OUT = frozenset({10, 405, 413, 422, 1235, 1236, 1480})
#: The account waits for approval.
_PENDING = 412
#: No such sender signature, or one that is not confirmed.
_SENDER = frozenset({400, 401})
_KNOWN = _LOCKED_OUT | _SENDER | {_MAINTENANCE, _RATE_LIMITED, _INVALID, _INACTIVE, _PENDING}


def outcome_of(reply: Reply) -> Outcome:
    """The outcome of a request to send a mail that was answered with *reply*."""
    code, words = _code(reply), _words(reply)
    said = f"HTTP {reply.status}" + (f", {code}" if code else "") + (f": {words}" if words else "")
    if reply.ok:
        id = reply.json.get("MessageID")
        if code == 0 and isinstance(id, str) and _ID.fullmatch(id):
            return Sent(id)
        return _by_code(code, words, said, reply) or Uncertain(f"{said}; it has no id of a message")
    known = None if 500 <= reply.status < 600 else _by_code(code, words, said, reply)
    return known or reply.refusal(said, idempotent=False)


def _by_code(code: int | None, words: str, said: str, reply: Reply) -> Outcome | None:
    if code in _LOCKED_OUT:
        return locked_out(said)
    if code == _RATE_LIMITED:
        return Retry(said, after=reply.retry_after or BUSY, pause_provider=True, blameless=True)
    if code == _MAINTENANCE:
        return Retry(said, after=reply.retry_after, pause_provider=reply.retry_after is not None)
    if code == _INACTIVE or (code == _INVALID and "'To'" in words):
        return Reject(said, code="invalid_recipient", feedback=Feedback.HARD_BOUNCE)
    if code in _SENDER or (code == _INVALID and "'From'" in words):
        return Reject(said, code="sender_refused")
    if code == _PENDING:
        return Reject(said, code="destination_refused")
    return Reject(said) if code == _INVALID else None


def _code(reply: Reply) -> int | None:
    found = reply.json.get("ErrorCode")
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def _words(reply: Reply) -> str:
    message = reply.json.get("Message")
    return printable(message) if isinstance(message, str) else "" if reply.ok else reply.shown
