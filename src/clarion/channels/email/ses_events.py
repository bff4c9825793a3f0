"""What an event that SES publishes says of a mail: pure functions.

Sources, as of November 2026: https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
and https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html: notifications of an identity say the same,
under ``notificationType`` and without tags.

event                                              report
-------------------------------------------------  -----------------------------------------------------------
Send                                               sent
Delivery                                           delivered
Bounce, Permanent: Suppressed,                     failed, hard bounce: SES did not try
  OnAccountSuppressionList
Bounce, Permanent: UnsubscribedRecipient           failed, unsubscribe: SES did not try
Bounce, Permanent, any other                       bounced, hard bounce
Bounce, Transient: General without a status        nothing: as automatic answers look, such as "out of office"
Bounce, Transient: General, MailboxFull            bounced, soft bounce
Bounce, any other                                  bounced: a size, a filter, a word; it says nothing of the address
Complaint: OnAccountSuppressionList                failed, complaint: SES did not try
Complaint: not-spam                                nothing: it was taken back
Complaint, any other                               delivered, complaint
Reject                                             failed: SES found a virus in it
Rendering Failure                                  failed: of a template of SES's
Subscription, unsubscribed from all                delivered, unsubscribe
DeliveryDelay, Open, Click, and what is unknown    nothing
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple
from uuid import UUID

from clarion import ids
from clarion.channels.base import Report
from clarion.channels.email.ses import MESSAGE
from clarion.domain.feedback import Feedback
from clarion.domain.status import Status
from clarion.errors import BadId
from clarion.http.reply import printable

Event = Mapping[str, object]


class Meaning(NamedTuple):
    """What an event comes to."""

    status: Status
    feedback: Feedback | None = None
    reason: str | None = None


PLAIN: Mapping[str, Meaning] = MappingProxyType({"Send": Meaning(Status.SENT), "Delivery": Meaning(Status.DELIVERED)})
#: Addresses to which SES does not even try to send.
NOT_TRIED: Mapping[str, Feedback] = MappingProxyType(
    {
        "Suppressed": Feedback.HARD_BOUNCE,
        "OnAccountSuppressionList": Feedback.HARD_BOUNCE,
        "UnsubscribedRecipient": Feedback.UNSUBSCRIBE,
    }
)
SOFT = frozenset({"General", "MailboxFull"})
_ANY = "General"


def report_of(event: Event, *, key: str) -> Report | None:
    """What *event* says, under the *key* by which a repetition is known; None where it says nothing of use."""
    mail = _inner(event, "mail")
    meaning, id, taken_as = _meaning(event), _message_id(mail), _text(mail, "messageId")
    if meaning is None or id is None or not taken_as:
        return None
    return Report(
        message_id=id,
        provider_id=printable(taken_as),
        status=meaning.status,
        reason=meaning.reason,
        feedback=meaning.feedback,
        key=key,
    )


def _meaning(event: Event) -> Meaning | None:
    match _text(event, "eventType") or _text(event, "notificationType"):
        case "Bounce":
            return _bounce(_inner(event, "bounce"))
        case "Complaint":
            return _complaint(_inner(event, "complaint"))
        case "Reject":
            return Meaning(Status.FAILED, None, _said("Reject", _text(_inner(event, "reject"), "reason")))
        case "Rendering Failure":
            words = _text(_inner(event, "failure"), "errorMessage")
            return Meaning(Status.FAILED, None, _said("Rendering Failure", words))
        case "Subscription":
            now = _inner(_inner(event, "subscription"), "newTopicPreferences")
            return Meaning(Status.DELIVERED, Feedback.UNSUBSCRIBE) if now.get("unsubscribeAll") is True else None
        case kind:
            return PLAIN.get(kind)


def _bounce(bounce: Event) -> Meaning | None:
    kind, why, who = _text(bounce, "bounceType"), _text(bounce, "bounceSubType"), _first(bounce, "bouncedRecipients")
    status = _text(who, "status")
    head = ", ".join(part for part in (kind, why, status) if part)
    reason = _said(head or "Bounce", _text(who, "diagnosticCode"))
    if kind == "Permanent":
        if why in NOT_TRIED:
            return Meaning(Status.FAILED, NOT_TRIED[why], reason)
        return Meaning(Status.BOUNCED, Feedback.HARD_BOUNCE, reason)
    if kind == "Transient" and why in SOFT:
        # Who gave a mail up says with what status (RFC 3464). Who only answers it, has none.
        return None if why == _ANY and not status else Meaning(Status.BOUNCED, Feedback.SOFT_BOUNCE, reason)
    return Meaning(Status.BOUNCED, None, reason)


def _complaint(complaint: Event) -> Meaning | None:
    if _text(complaint, "complaintSubType") in NOT_TRIED:
        return Meaning(Status.FAILED, Feedback.COMPLAINT, "Complaint, OnAccountSuppressionList")
    if _text(complaint, "complaintFeedbackType") == "not-spam":
        return None
    return Meaning(Status.DELIVERED, Feedback.COMPLAINT)


def _message_id(mail: Event) -> UUID | None:
    """Our id: the tag that the mail was given, or what stands in its own Message-ID, which we make of it."""
    tags = _inner(mail, "tags").get(MESSAGE)
    found = list(tags) if isinstance(tags, list) else []
    headers = mail.get("headers")
    for header in headers if isinstance(headers, list) else ():
        if isinstance(header, dict) and str(header.get("name", "")).lower() == "message-id":
            found.append(str(header.get("value", "")).strip("<> ").partition("@")[0])
    for text in found:
        try:
            return ids.parse(ids.Prefix.MESSAGE, str(text))
        except BadId:
            continue
    return None


def _said(head: str, words: str) -> str:
    return printable(f"{head}: {words}" if words else head)


def _first(event: Event, name: str) -> Event:
    found = event.get(name)
    first = found[0] if isinstance(found, list) and found else None
    return first if isinstance(first, dict) else {}


def _text(event: Event, name: str) -> str:
    found = event.get(name)
    return found if isinstance(found, str) else ""


def _inner(event: Event, name: str) -> Event:
    found = event.get(name)
    return found if isinstance(found, dict) else {}
