"""What SNS's answer to a new message means: pure functions over the codes of its errors.

Sources, as of November 2026: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html, the model of the service in
botocore 1.44, and the common errors in `clarion.channels.aws.refusals`. Answers are XML; what is looked for in them
stands in elements without attributes or children, so no parser is let loose on them.

answer                                     outcome
-----------------------------------------  ------------------------------------------------------------------
2xx with ``MessageId``                     Sent, with that id
2xx with an error                          as its code says
any other 2xx                              Uncertain: it says that it was taken, and not as what
5xx other than 503                         Uncertain: publishing is not idempotent
Throttled and its like, 429                Retry, everybody waits
AuthorizationError and its like            Retry, everybody waits for a minute: the account; no message is the worse
OptedOut                                   Reject unsubscribed: they answered STOP, the number is suppressed
InvalidParameter about the number          Reject invalid_recipient
… about the sender                         Reject sender_refused
… about the length                         Reject too_large
any other                                  by the HTTP status: `clarion.http.outcome.of_refusal`
"""

from __future__ import annotations

import html
import re

from clarion.channels.aws import refusals
from clarion.domain.feedback import Feedback
from clarion.domain.outcome import Outcome, Reject, Sent, Uncertain
from clarion.http.reply import Reply, printable

OPTED_OUT = frozenset({"OptedOut", "OptedOutException"})
PARAMETERS = frozenset({"InvalidParameter", "InvalidParameterValue", "ParameterValueInvalid", "ValidationException"})

_ID = re.compile(r"<MessageId>([0-9a-f-]{36})</MessageId>")
_CODE = re.compile(r"<Code>([A-Za-z.]{1,100})</Code>")
_WORDS = re.compile(r"<Message>([^<]{1,2000})</Message>")
_NUMBER = re.compile(r"PhoneNumber|phone number", re.IGNORECASE)
_SENDER = re.compile(r"SenderI[dD]|OriginationNumber|origination|SMS\.Sender")
_LENGTH = re.compile(r"too long|maximum (length|size)|must be less", re.IGNORECASE)


def outcome_of(reply: Reply) -> Outcome:
    """The outcome of a request to publish a message that was answered with *reply*."""
    text = reply.body.decode("utf-8", "replace")
    code, words = _first(_CODE, text), printable(html.unescape(_first(_WORDS, text)))
    said = f"HTTP {reply.status}" + (f", {code}" if code else "") + (f": {words}" if words else "")
    if reply.ok:
        if (id := _first(_ID, text)) and not code:
            return Sent(id)
        return _by_code(code, words, said, reply) or Uncertain(f"{said}; it has no id of a message")
    known = _by_code(code, words, said, reply) if reply.status < 500 else None
    if not code and reply.shown:
        said += f": {reply.shown}"
    return known or reply.refusal(said, idempotent=False)


def _by_code(code: str, words: str, said: str, reply: Reply) -> Outcome | None:
    if code in OPTED_OUT:
        return Reject(said, code="unsubscribed", feedback=Feedback.UNSUBSCRIBE)
    if code in PARAMETERS:
        return Reject(said, code=_of_parameter(words))
    return refusals.of_code(code, said, reply)


def _of_parameter(words: str) -> str:
    if _SENDER.search(words):
        return "sender_refused"
    if _NUMBER.search(words):
        return "invalid_recipient"
    return "too_large" if _LENGTH.search(words) else "rejected"


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1] if found else ""
