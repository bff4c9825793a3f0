"""What Vonage's answer to a new message means: pure functions over the status that it gives each part of it.

Sources, as of November 2026: https://developer.vonage.com/en/api-errors/sms and
https://developer.vonage.com/en/messaging/sms/guides/troubleshooting-sms. Errors come with HTTP 200, too.

answer                                     outcome
-----------------------------------------  ------------------------------------------------------------------
0 for each part                            Sent, with the ids of all
0 for some parts                           Uncertain: the others were not taken
1, 10                                      Retry, everybody waits: too many at once; as long as the words say,
                                           "… please wait [ 250 ] and retry" (milliseconds)
4, 8, 9, 11, 14, 23, 32                    Retry, everybody waits: credentials, credit or settings of the account; no
                                           message is the worse
5                                          Uncertain: an error while it was processed; sending is not idempotent
13                                         Retry: it was not submitted
2, 3 about `to`; 6; 33                     Reject invalid_recipient; of 33, the number is dead
7, 29                                      Reject destination_refused: barred, or the account is on trial
2, 3 about `from`; 15                      Reject sender_refused
12                                         Reject too_large
any other status                           Reject rejected
no status                                  Uncertain where HTTP says that it went well, else by the HTTP status
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta

from clarion.domain.feedback import Feedback
from clarion.domain.outcome import Outcome, Reject, Retry, Sent, Uncertain
from clarion.http.outcome import BUSY, locked_out
from clarion.http.reply import Reply, printable

_TAKEN = "0"
_BUSY = frozenset({"1", "10"})
_LOCKED_OUT = frozenset({"4", "8", "9", "11", "14", "23", "32"})
_INTERNAL = frozenset({"5"})
_NOT_SUBMITTED = frozenset({"13"})
_PARAMETERS = frozenset({"2", "3"})
_RECIPIENT = frozenset({"6", "33"})
_GONE = frozenset({"33"})
_DESTINATION = frozenset({"7", "29"})
_SENDER = frozenset({"15"})
_TOO_LONG = frozenset({"12"})
KNOWN = (
    *(_BUSY | _LOCKED_OUT | _INTERNAL | _NOT_SUBMITTED),
    *(_PARAMETERS | _RECIPIENT | _DESTINATION | _SENDER | _TOO_LONG),
)

_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
_WAIT = re.compile(r"please wait \[ *([0-9]{1,6}) *\]")
#: "Invalid parameter: to", "Missing from param"
_WHICH = re.compile(r"\b(to|from)\b")


def outcome_of(reply: Reply) -> Outcome:
    """The outcome of a request to send a message that was answered with *reply*."""
    parts = _parts(reply)
    if not parts or reply.status >= 500:
        said = f"HTTP {reply.status}" + (f": {reply.shown}" if reply.shown and not reply.ok else "")
        return Uncertain(f"{said}; it has no id of a message") if reply.ok else reply.refusal(said, idempotent=False)
    refused = [part for part in parts if _text(part, "status") != _TAKEN]
    if not refused:
        ids = [_text(part, "message-id") for part in parts]
        return Sent(" ".join(ids)) if all(map(_ID.fullmatch, ids)) else Uncertain("it was taken, and has no id")
    status, words = _text(refused[0], "status"), printable(_text(refused[0], "error-text"))
    said = f"status {printable(status)}" + (f": {words}" if words else "")
    if len(refused) < len(parts):
        return Uncertain(f"{len(parts) - len(refused)} of {len(parts)} parts were taken; {said}")
    return _by_status(status, words, said, reply)


def _by_status(status: str, words: str, said: str, reply: Reply) -> Outcome:
    if status in _BUSY:
        return Retry(said, after=reply.retry_after or _wait(words) or BUSY, pause_provider=True, blameless=True)
    if status in _LOCKED_OUT:
        return locked_out(said)
    if status in _INTERNAL:
        return Uncertain(said)
    if status in _NOT_SUBMITTED:
        return Retry(said)
    return Reject(said, code=_code(status, words), feedback=Feedback.HARD_BOUNCE if status in _GONE else None)


def _wait(words: str) -> timedelta | None:
    found = _WAIT.search(words)
    return timedelta(milliseconds=int(found[1])) if found and int(found[1]) else None


def _code(status: str, words: str) -> str:
    which = _WHICH.search(words.lower()) if status in _PARAMETERS else None
    if status in _RECIPIENT or (which and which[1] == "to"):
        return "invalid_recipient"
    if status in _SENDER or which:
        return "sender_refused"
    if status in _DESTINATION:
        return "destination_refused"
    return "too_large" if status in _TOO_LONG else "rejected"


def _parts(reply: Reply) -> Sequence[Mapping[str, object]]:
    """What is said of each part of the message; nothing where anything else is said."""
    found = reply.json.get("messages")
    parts = found if isinstance(found, list) else []
    is_told = all(isinstance(part, dict) and isinstance(part.get("status"), str) for part in parts)
    return parts if is_told else []


def _text(part: Mapping[str, object], name: str) -> str:
    found = part.get(name)
    return found if isinstance(found, str) else ""
