"""What Resend's answer to a new mail means: pure functions over a table of the names of its errors.

Source, as of November 2026: https://resend.com/docs/api-reference/errors.

answer                                     outcome
-----------------------------------------  ------------------------------------------------------------------
2xx with the mail's id                     Sent, with the id
2xx with the name of an error              as the name says
any other 2xx                              Uncertain: it says that it was taken, and not as what
invalid_idempotent_request                 Uncertain: the key came with other words before, so a mail was taken
concurrent_idempotent_requests             Retry: the same mail is being taken just now
5xx other than 503                         Uncertain
rate_limit_exceeded, 429                   Retry, everybody waits: as long as ``Retry-After`` says, or a little
daily_quota_exceeded, monthly_…            Retry, everybody waits: as long as ``Retry-After`` says, or a minute
missing_, invalid_, restricted_api_key,    Retry, everybody waits: the account; no message is the worse. A key that is
validation_error about the API key         none has this name, with 400 or 401
validation_error about `to`                Reject invalid_recipient, and the address is dead
invalid_from_address, … about `from`,      Reject sender_refused
… domain is not verified                   Reject sender_refused: another domain of the account may be
… only send testing emails                 Reject destination_refused: without a domain, only the owner is written to
any other                                  by the HTTP status: `clarion.http.outcome.of_refusal`
"""

from __future__ import annotations

import re

from clarion.domain.feedback import Feedback
from clarion.domain.outcome import Outcome, Reject, Retry, Sent, Uncertain
from clarion.http.outcome import LOCKED_OUT, locked_out
from clarion.http.reply import Reply, printable

_ID = re.compile(r"[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_KEYS = frozenset({"missing_api_key", "invalid_api_key", "restricted_api_key"})
_QUOTAS = frozenset({"daily_quota_exceeded", "monthly_quota_exceeded"})
_OTHER_WORDS = "invalid_idempotent_request"
_AT_ONCE = "concurrent_idempotent_requests"
_FROM = "invalid_from_address"
_VALIDATION = "validation_error"
_OF_THE_MAIL = frozenset({400, 403, 422})
_WRONG_KEY, _NOT_VERIFIED, _TESTING = "API key is invalid", "domain is not verified", "only send testing emails"


def outcome_of(reply: Reply) -> Outcome:
    """The outcome of a request to send a mail that was answered with *reply*."""
    name, words = _text(reply, "name"), _words(reply)
    said = f"HTTP {reply.status}" + (f", {name}" if name else "") + (f": {words}" if words else "")
    if reply.ok:
        id = reply.json.get("id")
        if isinstance(id, str) and _ID.fullmatch(id):
            return Sent(id)
        return _by_name(name, words, said, reply) or Uncertain(f"{said}; it has no id of a mail")
    known = None if 500 <= reply.status < 600 else _by_name(name, words, said, reply)
    return known or reply.refusal(said, idempotent=False)


def _by_name(name: str, words: str, said: str, reply: Reply) -> Outcome | None:
    if name in _KEYS or (name == _VALIDATION and _WRONG_KEY in words):
        return locked_out(said)
    if name in _QUOTAS:
        return Retry(said, after=reply.retry_after or LOCKED_OUT, pause_provider=True, blameless=True)
    if name == _OTHER_WORDS:
        return Uncertain(said)
    if name == _AT_ONCE:
        return Retry(said)
    return _about_the_mail(name, words, said) if reply.ok or reply.status in _OF_THE_MAIL else None


def _about_the_mail(name: str, words: str, said: str) -> Outcome | None:
    if name == _VALIDATION and _TESTING in words:  # it names `from` too
        return Reject(said, code="destination_refused")
    if name == _VALIDATION and "`to`" in words:
        return Reject(said, code="invalid_recipient", feedback=Feedback.HARD_BOUNCE)
    if name == _FROM or (name == _VALIDATION and ("`from`" in words or _NOT_VERIFIED in words)):
        return Reject(said, code="sender_refused")
    return None


def _text(reply: Reply, name: str) -> str:
    found = reply.json.get(name)
    return printable(found) if isinstance(found, str) else ""


def _words(reply: Reply) -> str:
    return _text(reply, "message") or ("" if reply.ok else reply.shown)
