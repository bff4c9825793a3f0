"""What FCM's answer to a message means: pure functions over a table of its error codes.

Sources, as of November 2026: https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode (codes, and what to do),
https://firebase.google.com/docs/cloud-messaging/scale-fcm (how long to wait), https://cloud.google.com/apis/design/errors.

answer                                     outcome
-----------------------------------------  ------------------------------------------------------------------
2xx with the message's name                Sent, with the name
any other 2xx                              Uncertain: it says that it was taken, and not as what
UNREGISTERED                               Reject unregistered; the device is disabled
INVALID_ARGUMENT about the token           Reject invalid_recipient; the device is disabled
INVALID_ARGUMENT about anything else       Reject too_large where it says so, else Reject rejected
SENDER_ID_MISMATCH                         Reject sender_refused: the token is another project's, whose account may take
                                           it. The device stays: an account of the wrong project would disable all
QUOTA_EXCEEDED of one device               Retry, for this message alone
QUOTA_EXCEEDED, any other 429              Retry, everybody waits: as `Retry-After` says, else a minute
THIRD_PARTY_AUTH_ERROR                     Retry, for this message alone: only Apple's devices or browsers are concerned
5xx other than 503 (INTERNAL, …)           Uncertain: FCM knows no message again
any other (UNAVAILABLE, 401, 403, 404 …)   by the HTTP status: `clarion.http.outcome.of_refusal`
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta

from clarion.domain.device import shorten
from clarion.domain.feedback import Feedback
from clarion.domain.outcome import Outcome, Reject, Retry, Sent, Uncertain
from clarion.http.outcome import LOCKED_OUT
from clarion.http.reply import Reply, printable

#: How long everybody waits for a quota where FCM does not say how long.
QUOTA = timedelta(minutes=1)

#: Codes that are judged by themselves, whatever the HTTP status is.
KNOWN = frozenset(
    {"UNREGISTERED", "INVALID_ARGUMENT", "SENDER_ID_MISMATCH", "QUOTA_EXCEEDED", "THIRD_PARTY_AUTH_ERROR"}
)

_NAME = re.compile(r"projects/[^/\s]{1,200}/messages/[!-~]{1,500}")
_FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
_BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"
_QUOTA_FAILURE = "type.googleapis.com/google.rpc.QuotaFailure"
_TOKEN = re.compile(r"registration token|message\.(?:token|fid)", re.IGNORECASE)
_TOO_LARGE = re.compile(r"too (?:big|large|long)|exceeds? .*(?:size|limit)", re.IGNORECASE)


def outcome_of(reply: Reply, token: str) -> Outcome:
    """The outcome of a request to send a message to *token* that was answered with *reply*."""
    error = _mapping(reply.json.get("error"))
    code = code_of(reply)
    if reply.ok:
        name = reply.json.get("name")
        if isinstance(name, str) and _NAME.fullmatch(name):
            return Sent(name)
    said = _said(reply, code, error).replace(token, shorten(token))
    if code in KNOWN and not 500 <= reply.status < 600:
        return _by_code(code, said, reply, error)
    if reply.ok:
        return Uncertain(f"{said}; it has no name of a message")
    if reply.status == 429:
        return Retry(said, after=reply.retry_after or QUOTA, pause_provider=True, blameless=True)
    return reply.refusal(said, idempotent=False)


def code_of(reply: Reply) -> str | None:
    """FCM's own code of an error; of an argument that Google's frontend refuses already, the canonical one."""
    error = _mapping(reply.json.get("error"))
    for detail in _details(error, _FCM_ERROR):
        code = detail.get("errorCode")
        if isinstance(code, str):
            return code[:64]
    return "INVALID_ARGUMENT" if error.get("status") == "INVALID_ARGUMENT" else None


def _by_code(code: str, said: str, reply: Reply, error: Mapping[str, object]) -> Outcome:
    match code:
        case "UNREGISTERED":
            return Reject(said, code="unregistered", feedback=Feedback.DEAD_TOKEN)
        case "INVALID_ARGUMENT":
            return _invalid(said, error)
        case "SENDER_ID_MISMATCH":
            return Reject(said, code="sender_refused")
        case "QUOTA_EXCEEDED":
            only_it = "device" in str(list(_details(error, _QUOTA_FAILURE))).lower()
            return Retry(said, after=reply.retry_after or QUOTA, pause_provider=not only_it, blameless=True)
        case _:
            return Retry(said, after=LOCKED_OUT, blameless=True)


def _invalid(said: str, error: Mapping[str, object]) -> Outcome:
    fields = [
        str(violation) for detail in _details(error, _BAD_REQUEST) for violation in _list(detail, "fieldViolations")
    ]
    if any(_TOKEN.search(text) for text in fields or [said]):
        return Reject(said, code="invalid_recipient", feedback=Feedback.DEAD_TOKEN)
    return Reject(said, code="too_large") if _TOO_LARGE.search(f"{said} {fields}") else Reject(said)


def _details(error: Mapping[str, object], kind: str) -> Iterator[Mapping[str, object]]:
    for detail in _list(error, "details"):
        if isinstance(detail, Mapping) and detail.get("@type") == kind:
            yield detail


def _list(found: Mapping[str, object], key: str) -> list[object]:
    value = found.get(key)
    return value if isinstance(value, list) else []


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _said(reply: Reply, code: str | None, error: Mapping[str, object]) -> str:
    message, status = error.get("message"), error.get("status")
    words = printable(message) if isinstance(message, str) else "" if reply.ok else reply.shown
    name = code or (printable(status) if isinstance(status, str) else None)
    return f"HTTP {reply.status}" + (f", {name}" if name else "") + (f": {words}" if words else "")
