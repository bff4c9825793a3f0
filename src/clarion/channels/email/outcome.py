"""What an SMTP reply, or the lack of one, means for a mail: one pure function for each.

what happened                              outcome
-----------------------------------------  ------------------------------------------------------------------
no reply: refused, timed out, cut off …
  … before the final dot was handed over,
    from connecting to the message         Retry: certainly not accepted
  … after the final dot (also partly)      Uncertain: the server may have taken it (RFC 1047)
a reply to the final dot
  2xx                                      Sent, with the reply's text as the provider's id
  4xx                                      Retry
  552, or 5.3.4                            Reject too_large
  5xx                                      Reject rejected
  anything else                            Uncertain: it answers something else than what we asked
421 up to MAIL                             Retry, everybody waits: the service is closing (RFC 5321 §3.8)
421, 4.3.2, 4.7.x but 4.7.1 from RCPT on   Retry, and who writes to the same domain waits
454, 530, 534, 535, 538 anywhere           Retry, everybody waits: TLS or login; an operator's mistake burns no mail
4xx or 5xx to greeting, EHLO, TLS, AUTH    Retry, everybody waits: it says nothing about this mail
500, 502, 503 before the dot               Retry: client and server are out of step
4.2.x from RCPT on                         Retry: it is about this mailbox alone
other 4.3.x                                Retry: it is about the server that we talk to
other 4xx from RCPT on                     Retry (greylisting, a domain that is not reached): where it is most of what
                                           is tried, the domain is slowed
4xx to MAIL                                Retry
552 (unless 5.2.2), 5.3.4 to MAIL or DATA  Reject too_large
5xx to MAIL                                Reject sender_refused
550, 551, 553, 554 to RCPT, unless 5.7.x   Reject invalid_recipient
other 5xx                                  Reject rejected
any other reply before the dot             Retry

What it says of the address, beside that, goes by the enhanced status code (RFC 3463) alone, for the words and the plain
code of a refusal are as often about the sender. To RCPT, DATA or the dot these are a hard bounce: 5.1.1 (no such
mailbox), 5.1.2 (no such domain), 5.1.6 (moved), 5.1.10 (a domain that takes no mail), 5.2.1 (disabled). 5.2.2 (full)
is a soft one.
"""

from __future__ import annotations

import re
from datetime import timedelta
from enum import IntEnum

from clarion.domain.feedback import Feedback
from clarion.domain.outcome import Outcome, Pushback, Reject, Retry, Sent, Uncertain

#: How long everybody waits when the server said that its service is not available (421).
CLOSING = timedelta(seconds=30)
#: … and when it does not let us in; somebody has to change something.
LOCKED_OUT = timedelta(seconds=60)

_LOGIN_CODES = frozenset({454, 530, 534, 535, 538})
_OUT_OF_STEP_CODES = frozenset({500, 502, 503})
_RECIPIENT_CODES = frozenset({550, 551, 553, 554})
#: What an enhanced status code at the beginning of a refusal says of the mailbox.
_ENHANCED = re.compile(r"5\.\d{1,3}\.\d{1,3}(?!\S)")
_PUT_OFF = re.compile(r"4\.(\d{1,3})\.(\d{1,3})(?!\S)")
_OF_MAILBOX = {
    "5.1.1": Feedback.HARD_BOUNCE,
    "5.1.2": Feedback.HARD_BOUNCE,
    "5.1.6": Feedback.HARD_BOUNCE,
    "5.1.10": Feedback.HARD_BOUNCE,
    "5.2.1": Feedback.HARD_BOUNCE,
    "5.2.2": Feedback.SOFT_BOUNCE,
}
_TEXT_LIMIT = 300


class Phase(IntEnum):
    """How far a conversation had come. Up to `BODY` nothing was accepted; from `DOT` on, nobody knows."""

    CONNECT = 0
    GREETING = 1
    EHLO = 2
    TLS = 3
    AUTH = 4
    MAIL = 5
    RCPT = 6
    DATA = 7
    BODY = 8  #: the message is being handed over, its final dot is still here
    DOT = 9  #: the final dot was handed to the operating system, or may have been

    @property
    def label(self) -> str:
        return _LABELS[self]


_LABELS = {
    Phase.CONNECT: "connecting",
    Phase.GREETING: "greeting",
    Phase.EHLO: "EHLO",
    Phase.TLS: "TLS",
    Phase.AUTH: "AUTH",
    Phase.MAIL: "MAIL",
    Phase.RCPT: "RCPT",
    Phase.DATA: "DATA",
    Phase.BODY: "sending the message",
    Phase.DOT: "the final dot",
}


def of_failure(phase: Phase, reason: str) -> Outcome:
    """The outcome where no complete reply came in *phase*."""
    said = f"{phase.label}: {clean(reason)}"
    if phase is Phase.DOT:
        return Uncertain(said)
    return Retry(said)


def of_reply(phase: Phase, code: int, text: str) -> Outcome:
    """The outcome where the server answered *code* *text* in *phase*, and the mail ends with it.

    A 2xx ends a mail in `Phase.DOT` only; *text* is the reply without its code, lines joined by spaces.
    """
    text = clean(text)
    if phase is Phase.DOT and 200 <= code < 300:
        return Sent(text or str(code))
    said = f"{phase.label}: {code} {text}".rstrip()
    if 400 <= code < 500 and phase >= Phase.RCPT and code not in _LOGIN_CODES:
        return _put_off(said, code, text)
    if code == 421:
        return Retry(said, after=CLOSING, pause_provider=True)
    if code in _LOGIN_CODES or (phase <= Phase.AUTH and 400 <= code < 600):
        return Retry(said, after=LOCKED_OUT, pause_provider=True)
    if 400 <= code < 500:
        return Retry(said)
    if 500 <= code < 600 and not (code in _OUT_OF_STEP_CODES and phase < Phase.DOT):
        return Reject(said, code=_reject_code(phase, code, text), feedback=_feedback(phase, text))
    return Uncertain(said) if phase is Phase.DOT else Retry(said)


def clean(text: str) -> str:
    """*text* from a server, fit for a log and a page: one line, no controls, at most 300 characters."""
    if len(text) > _TEXT_LIMIT:
        text = text[: _TEXT_LIMIT - 1] + "…"
    if text.isprintable():
        return text
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _put_off(said: str, code: int, text: str) -> Retry:
    """A 4xx that says something of whom the mail is for: the mailbox or the domain; or, rarely, of the server."""
    enhanced = _PUT_OFF.match(text)
    subject, detail = (int(enhanced[1]), int(enhanced[2])) if enhanced else (0, 0)
    if code == 421 or (subject, detail) == (3, 2) or (subject == 7 and detail != 1):
        return Retry(said, after=CLOSING, blameless=True, pushback=Pushback.AWAY)
    if subject == 3:
        return Retry(said)
    return Retry(said, blameless=True, pushback=None if subject == 2 else Pushback.SLOWER)


def feedback_of(status: str) -> Feedback | None:
    """What an enhanced *status* code says of the mailbox; None where it says nothing of it."""
    return _OF_MAILBOX.get(status)


def _feedback(phase: Phase, text: str) -> Feedback | None:
    enhanced = _ENHANCED.match(text) if phase >= Phase.RCPT else None
    return feedback_of(enhanced[0]) if enhanced else None


def _reject_code(phase: Phase, code: int, text: str) -> str:
    if text.startswith("5.3.4") or (code == 552 and phase is not Phase.RCPT and not text.startswith("5.2.2")):
        return "too_large"
    if phase is Phase.MAIL:
        return "sender_refused"
    if phase is Phase.RCPT and code in _RECIPIENT_CODES and not text.startswith("5.7."):
        return "invalid_recipient"
    return "rejected"
