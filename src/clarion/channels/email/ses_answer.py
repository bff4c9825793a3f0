"""What SES's answer to a new mail means: pure functions over the names of its errors.

Sources, as of November 2026: https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html (names),
https://docs.aws.amazon.com/ses/latest/dg/troubleshoot-error-messages.html (words), and the common errors in
`clarion.channels.aws.refusals`.

answer                                       outcome
-------------------------------------------  ----------------------------------------------------------------
2xx with ``MessageId``                       Sent, with that id
2xx with the name of an error                as the name says
any other 2xx                                Uncertain: it says that it was taken, and not as what
5xx other than 503                           Uncertain: sending is not idempotent
TooManyRequestsException, throttling         Retry, everybody waits
… "Daily message quota exceeded"             Retry, everybody waits for a minute: the day's mails are used up
LimitExceededException                       Retry, everybody waits for a minute: a limit of the account
AccountSuspendedException,                   Retry, everybody waits for a minute: the account, until somebody
SendingPausedException, access,              changes it; no message is the worse
MessageRejected: sending paused, suspended
MailFromDomainNotVerifiedException           Reject sender_refused
MessageRejected: address not verified        Reject sender_refused
BadRequestException about an address         Reject invalid_recipient: ours is checked before. SES does not say which
MessageRejected, BadRequestException         Reject rejected
any other                                    by the HTTP status: `clarion.http.outcome.of_refusal`

An unverified address is the sender's, but in the sandbox, where recipients must be verified as well.
"""

from __future__ import annotations

import re

from clarion.channels.aws import refusals
from clarion.domain.outcome import Outcome, Reject, Retry, Sent, Uncertain
from clarion.http.outcome import LOCKED_OUT, locked_out
from clarion.http.reply import Reply, printable

_ID = re.compile(r"[A-Za-z0-9-]{10,200}")
#: ``BadRequestException``, also with a namespace before it or an address behind it.
_NAME = re.compile(r"(?:[^#:\s]{1,200}#)?([A-Za-z]{1,100})(?::.*)?")

QUOTA = "quota exceeded"
NOT_VERIFIED = "is not verified"
PAUSED = frozenset({"AccountSuspendedException", "SendingPausedException"})
LIMITED = frozenset({"LimitExceededException"})
SENDER = frozenset({"MailFromDomainNotVerifiedException"})
OF_THE_MAIL = frozenset({"MessageRejected", "BadRequestException"})
_ADDRESS = re.compile(r"illegal address|missing final '@domain'|domain (starts|ends|contains)|local address", re.I)
_STOPPED = re.compile(r"(sending|account)[^.]{0,30} (paused|suspended)", re.I)
_TOO_LARGE = re.compile(r"(message|mail|length|size)[^.]{0,60} (too large|exceed)", re.I)


def outcome_of(reply: Reply) -> Outcome:
    """The outcome of a request to send a mail that was answered with *reply*."""
    name, words = _name(reply), _words(reply)
    said = f"HTTP {reply.status}" + (f", {name}" if name else "") + (f": {words}" if words else "")
    if reply.ok:
        id = reply.json.get("MessageId")
        if isinstance(id, str) and _ID.fullmatch(id):
            return Sent(id)
        return _by_name(name, words, said, reply) or Uncertain(f"{said}; it has no id of a mail")
    known = _by_name(name, words, said, reply) if reply.status < 500 else None
    return known or reply.refusal(said, idempotent=False)


def _by_name(name: str, words: str, said: str, reply: Reply) -> Outcome | None:
    if name in LIMITED or (name in refusals.THROTTLED and QUOTA in words.lower()):
        return Retry(said, after=reply.retry_after or LOCKED_OUT, pause_provider=True, blameless=True)
    if name in PAUSED or (name in OF_THE_MAIL and _STOPPED.search(words)):
        return locked_out(said)
    if name in SENDER or (name in OF_THE_MAIL and NOT_VERIFIED in words):
        return Reject(said, code="sender_refused")
    if name in OF_THE_MAIL:
        return Reject(said, code=_of_the_mail(words))
    return refusals.of_code(name, said, reply)


def _of_the_mail(words: str) -> str:
    if _ADDRESS.search(words):
        return "invalid_recipient"
    return "too_large" if _TOO_LARGE.search(words) else "rejected"


def _name(reply: Reply) -> str:
    """The name of the error: in a header, or in the body where something between us and SES answers."""
    told = reply.json
    for found in (reply.headers.get("x-amzn-errortype"), told.get("__type"), told.get("code")):
        match = _NAME.fullmatch(found) if isinstance(found, str) else None
        if match:
            return match[1]
    return ""


def _words(reply: Reply) -> str:
    found = reply.json.get("message") or reply.json.get("Message")
    return printable(found) if isinstance(found, str) else "" if reply.ok else reply.shown
