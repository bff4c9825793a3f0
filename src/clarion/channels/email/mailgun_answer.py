"""What Mailgun's answer to a new mail means: pure functions over a table of its words, for it has no codes.

Sources, as of November 2026: https://documentation.mailgun.com/docs/mailgun/quickstart-guide/responses (what a status
means) and https://github.com/mailgun/documentation, source/api-sending.rst and source/api-intro.rst (the words, July
2024).

answer                                      outcome
------------------------------------------  -----------------------------------------------------------------
2xx with the message's id                   Sent, with the id (without its brackets, as events have it)
2xx with the words of a refusal             as the words say
any other 2xx                               Uncertain: it says that it was taken, and not as what
429                                         Retry, everybody waits: until when ``Retry-After`` or the words say
5xx other than 503                          Uncertain: sending is not idempotent, and users saw such mails go out
402, "… is not allowed to send"             Retry, everybody waits: the account or its domain; no message is the worse
… "for test purposes only"                  Reject destination_refused: of a sandbox or an account that is free, only
                                            authorized recipients are written to; the others wait for nothing
"to parameter is not a valid address"       Reject invalid_recipient, and the address is dead
"from parameter is …"                       Reject sender_refused
any other                                   by the HTTP status: `clarion.http.outcome.of_refusal`
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from clarion.domain.feedback import Feedback
from clarion.domain.outcome import Outcome, Reject, Retry, Sent, Uncertain
from clarion.http.outcome import BUSY, locked_out, parse_retry_after
from clarion.http.reply import Reply, printable

_ID = re.compile(r"<?([^<>\s@]{1,300}@[^<>\s@]{1,255})>?")
_RECIPIENT = "to parameter is not a valid address"
_SENDER = "from parameter is "
_NOT_ALLOWED = " is not allowed to send"
_ON_TRIAL = "for test purposes only"
#: "Domain example.com is not allowed to send: request limit exceeded, try again after Mon, 20 Dec 2021 20:33:21 UTC"
_AGAIN = re.compile(r"try again after ([A-Za-z]{3}, [0-9]{1,2} [A-Za-z]{3} [0-9]{4} [0-9:]{8} [A-Z+0-9-]{1,5})")
_PAYMENT = 402
_BUSY = 429


def outcome_of(reply: Reply, now: datetime) -> Outcome:
    """The outcome of a request to send a mail that was answered with *reply*, at the time *now*."""
    words = _words(reply)
    said = f"HTTP {reply.status}" + (f": {words}" if words else "")
    if reply.ok:
        id = bare_id(reply.json.get("id"))
        return Sent(id) if id else _by_words(words, said) or Uncertain(f"{said}; it has no id of a message")
    if reply.status == _BUSY:
        return Retry(said, after=reply.retry_after or _again(reply, now) or BUSY, pause_provider=True, blameless=True)
    if reply.status == _PAYMENT:
        return locked_out(said)
    known = _by_words(words, said) if 400 <= reply.status < 500 else None
    return known or reply.refusal(said, idempotent=False)


def bare_id(given: object) -> str | None:
    """An id of Mailgun's, which is the mail's Message-ID, without brackets; None for anything else."""
    match = _ID.fullmatch(given) if isinstance(given, str) else None
    return match[1] if match and match[1].isprintable() else None


def _by_words(words: str, said: str) -> Outcome | None:
    if _RECIPIENT in words:
        return Reject(said, code="invalid_recipient", feedback=Feedback.HARD_BOUNCE)
    if words.startswith(_SENDER):
        return Reject(said, code="sender_refused")
    if _ON_TRIAL in words:
        return Reject(said, code="destination_refused")
    return locked_out(said) if _NOT_ALLOWED in words else None


def _again(reply: Reply, now: datetime) -> timedelta | None:
    found = _AGAIN.search(str(reply.json.get("message", "")))
    return parse_retry_after(found[1], now) if found else None


def _words(reply: Reply) -> str:
    message = reply.json.get("message")
    # What is said of a success may be anything: none of it belongs into a reason, but what a refusal says.
    return printable(message) if isinstance(message, str) else "" if reply.ok else reply.shown
