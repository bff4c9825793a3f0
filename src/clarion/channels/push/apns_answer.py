"""What APNs' answer to a message means: pure functions over a table of its reasons.

Source, as of November 2026:
https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns.

answer                                     outcome
-----------------------------------------  ------------------------------------------------------------------
200 with `apns-id`                         Sent, with that id
any other 2xx                              Uncertain: it says that it was taken, and not as what
Unregistered, ExpiredToken                 Reject unregistered; the device is disabled
BadDeviceToken, DeviceTokenNotForTopic     Reject sender_refused: the token may be of the other environment, or of
                                           another application, whose account takes it. The device stays: an account
                                           of the wrong environment would disable all
PayloadTooLarge                            Reject too_large
TooManyRequests                            Retry, for this message alone: they are too many for this device
those of `_ACCOUNT`                        Retry, everybody waits for a minute: somebody must mend the account
InternalServerError, any 5xx but 503       Uncertain: APNs knows no message again
Shutdown, IdleTimeout                      Retry
any other                                  by the HTTP status: `clarion.http.outcome.of_refusal`
"""

from __future__ import annotations

from datetime import timedelta

from clarion.domain.device import shorten
from clarion.domain.feedback import Feedback
from clarion.domain.outcome import Outcome, Reject, Retry, Sent, Uncertain
from clarion.http.outcome import locked_out
from clarion.http.reply import Reply, printable

_GONE = frozenset({"Unregistered", "ExpiredToken"})
_NOT_OURS = frozenset({"BadDeviceToken", "DeviceTokenNotForTopic"})
_TOO_LARGE = "PayloadTooLarge"
_OF_ONE_DEVICE = "TooManyRequests"
_LATER = frozenset({"Shutdown", "IdleTimeout"})
_ACCOUNT = frozenset(
    {
        *("BadCertificate", "BadCertificateEnvironment", "BadEnvironmentKeyIdInToken", "BadTopic"),
        *("ExpiredProviderToken", "Forbidden", "InvalidProviderToken", "InvalidPushType", "MissingProviderToken"),
        *("MissingTopic", "TooManyProviderTokenUpdates", "TopicDisallowed", "UnrelatedKeyIdInToken"),
    }
)
#: Reasons that are judged by themselves, whatever the HTTP status is.
KNOWN = _GONE | _NOT_OURS | _LATER | _ACCOUNT | {_TOO_LARGE, _OF_ONE_DEVICE}

#: How long a device is left alone that gets too many.
_DEVICE_RESTS = timedelta(minutes=1)
_LONGEST_ID = 100


def outcome_of(reply: Reply, token: str) -> Outcome:
    """The outcome of a request to send a message to *token* that was answered with *reply*."""
    reason, id = reason_of(reply), reply.headers.get("apns-id", "")
    if reply.status == 200 and reason is None and id and len(id) <= _LONGEST_ID and id.isprintable():
        return Sent(id)
    words = reason or ("" if reply.ok else reply.shown)
    said = f"HTTP {reply.status}" + (f", {words}".replace(token, shorten(token)) if words else "")
    if reason in KNOWN and not (500 <= reply.status < 600 and reason not in _LATER):
        return _by_reason(reason, said, reply)
    return Uncertain(f"{said}; it has no id of a message") if reply.ok else reply.refusal(said, idempotent=False)


def reason_of(reply: Reply) -> str | None:
    """APNs' own word for an error."""
    reason = reply.json.get("reason")
    return printable(reason)[:64] if isinstance(reason, str) else None


def _by_reason(reason: str | None, said: str, reply: Reply) -> Outcome:
    if reason in _GONE:
        return Reject(said, code="unregistered", feedback=Feedback.DEAD_TOKEN)
    if reason in _NOT_OURS:
        return Reject(said, code="sender_refused")
    if reason == _TOO_LARGE:
        return Reject(said, code="too_large")
    if reason == _OF_ONE_DEVICE:
        return Retry(said, after=reply.retry_after or _DEVICE_RESTS, blameless=True)
    if reason in _LATER:
        return Retry(said, after=reply.retry_after)
    return locked_out(said)
