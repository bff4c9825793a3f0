"""What Expo's tickets and receipts mean: pure functions over a table of its errors.

Source, as of November 2026: https://docs.expo.dev/push-notifications/sending-notifications/#errors.

ticket                              outcome
----------------------------------  -----------------------------------------------------------------------------
ok with an id                       Sent, with that id
ok without one                      Uncertain
DeviceNotRegistered                 Reject unregistered; the device is disabled
MessageTooBig                       Reject too_large
MessageRateExceeded                 Retry, for this message alone
InvalidCredentials, ProviderError,  Retry after a minute, others are not held up: only one of the two systems is
ExpoError                           concerned, or Expo itself is in trouble
MismatchSenderId                    Reject sender_refused
any other error                     Reject rejected
no list of tickets, one for each    Uncertain: it says that it was taken, and not what of it
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from clarion.domain.device import shorten
from clarion.domain.feedback import Feedback
from clarion.domain.outcome import Outcome, Reject, Retry, Sent, Uncertain
from clarion.http.outcome import LOCKED_OUT
from clarion.http.reply import Reply, printable

GONE = "DeviceNotRegistered"
_TOO_LARGE = "MessageTooBig"
_TOO_MANY = "MessageRateExceeded"
_LATER = frozenset({"InvalidCredentials", "ProviderError", "ExpoError"})
_OTHER_PROJECT = "MismatchSenderId"
#: Errors that are judged by themselves.
KNOWN = _LATER | {GONE, _TOO_LARGE, _TOO_MANY, _OTHER_PROJECT}

_RESTS = timedelta(minutes=1)
_LONGEST_ID = 100


def outcomes_of(reply: Reply, tokens: list[str]) -> list[Outcome]:
    """The outcomes of messages to *tokens*, sent in one request that was answered with *reply*."""
    said = f"HTTP {reply.status}" + (f", {words}" if (words := _errors(reply)) else "")
    tickets = reply.json.get("data")
    if isinstance(tickets, list) and len(tickets) == len(tokens) and reply.status < 500:
        pairs = zip(tickets, tokens, strict=True)
        return [_of_ticket(ticket if isinstance(ticket, Mapping) else {}, token, said) for ticket, token in pairs]
    if reply.ok:
        return [Uncertain(f"{said}; it has no ticket for each message") for _ in tokens]
    return [reply.refusal(said.replace(token, shorten(token)), idempotent=False) for token in tokens]


def error_of(told: Mapping[str, object]) -> str | None:
    """Expo's word for what is wrong with one message, in a ticket or a receipt."""
    details = told.get("details")
    word = details.get("error") if isinstance(details, Mapping) else None
    return printable(word)[:64] if isinstance(word, str) else None


def said_of(told: Mapping[str, object]) -> str:
    """What people should see of an error."""
    message = told.get("message")
    return ": ".join(part for part in (error_of(told), printable(str(message or ""))) if part)


def _of_ticket(ticket: Mapping[str, object], token: str, status: str) -> Outcome:
    if ticket.get("status") == "ok":
        id = ticket.get("id")
        if isinstance(id, str) and id.isprintable() and 0 < len(id) <= _LONGEST_ID:
            return Sent(id)
        return Uncertain(f"{status}; its ticket has no id")
    if ticket.get("status") != "error":
        return Uncertain(f"{status}; its ticket says neither ok nor error")
    said = f"{status}, {said_of(ticket)}".replace(token, shorten(token))
    match error_of(ticket):
        case "DeviceNotRegistered":
            return Reject(said, code="unregistered", feedback=Feedback.DEAD_TOKEN)
        case "MessageTooBig":
            return Reject(said, code="too_large")
        case "MessageRateExceeded":
            return Retry(said, after=_RESTS, blameless=True)
        case "MismatchSenderId":
            return Reject(said, code="sender_refused")
        case word if word in _LATER:
            return Retry(said, after=LOCKED_OUT, blameless=True)
        case _:
            return Reject(said)


def _errors(reply: Reply) -> str:
    """What is wrong with the request as a whole."""
    errors = reply.json.get("errors")
    if isinstance(errors, list) and errors and isinstance(errors[0], Mapping):
        parts = (errors[0].get("code"), errors[0].get("message"))
        return ": ".join(printable(part) for part in parts if isinstance(part, str))
    return "" if reply.ok else reply.shown
