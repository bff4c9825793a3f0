"""What SendGrid tells later of mails, many in one request, and whether it is SendGrid that tells it.

Written from https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event and
https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features
as of November 2026; the signature also from SendGrid's own library for Python (6.12), whose check must agree (in the
tests).

event                                              report
-------------------------------------------------  -----------------------------------------------------------
processed                                          sent
delivered                                          delivered
bounce, type bounce                                bounced, hard bounce; with the status 5.2.2 a soft one
bounce, type blocked or any other                  bounced: a filter, a policy; it says nothing of the address
dropped: Bounced Address, Invalid                  failed, hard bounce: SendGrid did not try
dropped: Spam Reporting Address                    failed, complaint
dropped: Unsubscribed Address                      failed, unsubscribe
dropped for any other reason                       failed
spamreport                                         delivered, complaint
unsubscribe, group_unsubscribe                     delivered, unsubscribe
deferred, open, click, and what is unknown         nothing
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from clarion import ids
from clarion.channels.base import Callback, Callbacks, Report
from clarion.channels.email.sendgrid import MESSAGE
from clarion.channels.freshness import is_fresh
from clarion.domain.feedback import Feedback
from clarion.domain.status import Status
from clarion.errors import BadId, Forged
from clarion.http.reply import printable

_HEADER = "x-twilio-email-event-webhook-"
_TIME = re.compile(r"[0-9]{10}")
#: Behind SendGrid's own id of the mail stands which of its servers had it.
_SERVER = re.compile(r"\.(?:filter|recvd)")
_FULL_MAILBOX = "5.2.2"

Meaning = tuple[Status, Feedback | None]
Event = Mapping[str, object]

_PLAIN: Mapping[str, Meaning] = MappingProxyType(
    {
        "processed": (Status.SENT, None),
        "delivered": (Status.DELIVERED, None),
        "spamreport": (Status.DELIVERED, Feedback.COMPLAINT),
        "unsubscribe": (Status.DELIVERED, Feedback.UNSUBSCRIBE),
        "group_unsubscribe": (Status.DELIVERED, Feedback.UNSUBSCRIBE),
    }
)
#: Why SendGrid did not even try.
_DROPPED: Mapping[str, Feedback] = MappingProxyType(
    {
        "Bounced Address": Feedback.HARD_BOUNCE,
        "Invalid": Feedback.HARD_BOUNCE,
        "Spam Reporting Address": Feedback.COMPLAINT,
        "Unsubscribed Address": Feedback.UNSUBSCRIBE,
    }
)


class SendGridCallbacks(Callbacks):
    """Believes what is signed for the verification key of the Signed Event Webhook."""

    def __init__(self, verification_key: str, *, age: timedelta = timedelta(hours=25)) -> None:
        """*age* is how old what is signed may be: SendGrid calls again for a day, and may not sign anew."""
        key = load_der_public_key(base64.b64decode(verification_key))
        assert isinstance(key, ec.EllipticCurvePublicKey)
        self._key = key
        self._age = age

    def read(self, callback: Callback, now: datetime) -> Sequence[Report]:
        self._check(callback, now)
        try:
            events = orjson.loads(callback.body)
        except orjson.JSONDecodeError:
            return ()
        read = (_report(event) for event in (events if isinstance(events, list) else ()) if isinstance(event, dict))
        return [report for report in read if report is not None]

    def _check(self, callback: Callback, now: datetime) -> None:
        """Raises `Forged` unless the raw body is signed, and was so recently."""
        at, given = (callback.headers.get(_HEADER + name, "") for name in ("timestamp", "signature"))
        try:
            proof = base64.b64decode(given, validate=True)
            self._key.verify(proof, at.encode("utf-8", "replace") + callback.body, ec.ECDSA(hashes.SHA256()))
        except (ValueError, InvalidSignature):
            raise Forged("the signature of SendGrid is missing or does not match") from None
        if not _TIME.fullmatch(at) or not is_fresh(int(at), now, self._age):
            raise Forged("SendGrid signed it too long ago, or the clocks differ")


def _report(event: Event) -> Report | None:
    meaning, id, key = _meaning(event), _message_id(event), _text(event, "sg_event_id")
    taken_as = _SERVER.split(_text(event, "sg_message_id"), maxsplit=1)[0]
    if meaning is None or id is None or not taken_as or not key:
        return None
    status, feedback = meaning
    reason = _reason(event) if status in (Status.BOUNCED, Status.FAILED) else None
    return Report(
        message_id=id,
        provider_id=printable(taken_as),
        status=status,
        reason=reason,
        feedback=feedback,
        key=printable(key),
    )


def _meaning(event: Event) -> Meaning | None:
    kind = _text(event, "event")
    if kind == "dropped":
        return Status.FAILED, _DROPPED.get(_text(event, "reason"))
    if kind != "bounce":
        return _PLAIN.get(kind)
    if _text(event, "type") != "bounce":
        return Status.BOUNCED, None
    full = _text(event, "status") == _FULL_MAILBOX
    return Status.BOUNCED, Feedback.SOFT_BOUNCE if full else Feedback.HARD_BOUNCE


def _reason(event: Event) -> str:
    kind, status, words = (_text(event, name) for name in ("type", "status", "reason"))
    head = ", ".join(part for part in (kind or _text(event, "event"), status) if part)
    return printable(f"{head}: {words}" if words else head)


def _message_id(event: Event) -> UUID | None:
    try:
        return ids.parse(ids.Prefix.MESSAGE, _text(event, MESSAGE))
    except BadId:
        return None


def _text(event: Event, name: str) -> str:
    found = event.get(name)
    return found if isinstance(found, str) else ""
