"""What Postmark tells later of a mail, and whether it is Postmark that tells it.

Written from https://postmarkapp.com/developer/webhooks/webhooks-overview, its pages on each webhook, and
https://postmarkapp.com/developer/api/bounce-api#bounce-types as of November 2026.

Postmark signs nothing. It logs in with what it was given with the webhook's address (HTTP basic authentication), over
TLS: whoever knows that password can tell anything, though of mails alone that were sent through this account.

record                                             report
-------------------------------------------------  -----------------------------------------------------------
Delivery                                           delivered
Bounce: HardBounce, BadEmailAddress                bounced, hard bounce
Bounce: SoftBounce, DnsError                       bounced, soft bounce
Bounce: SpamComplaint; SpamComplaint               delivered, complaint
Bounce: Unsubscribe; SubscriptionChange by hand    delivered, unsubscribe
Bounce: ManuallyDeactivated                        failed, hard bounce: Postmark was told not to send to it
Bounce: SMTPApiError, TemplateRenderingFailed      failed
Bounce: Transient, AutoResponder and other notes   nothing: it may still arrive, or did
Bounce: any other                                  bounced; it says nothing of the address
Open, Click, and what is unknown                   nothing
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

import orjson

from clarion import ids
from clarion.channels.base import Callback, Callbacks, Report
from clarion.channels.email.postmark import MESSAGE
from clarion.domain.feedback import Feedback
from clarion.domain.status import Status
from clarion.errors import BadId, Forged
from clarion.http.reply import printable

#: Who Postmark logs in as.
USER = "clarion"

Meaning = tuple[Status, Feedback | None]

_BOUNCES: Mapping[str, Meaning | None] = MappingProxyType(
    {
        "HardBounce": (Status.BOUNCED, Feedback.HARD_BOUNCE),
        "BadEmailAddress": (Status.BOUNCED, Feedback.HARD_BOUNCE),
        "SoftBounce": (Status.BOUNCED, Feedback.SOFT_BOUNCE),
        "DnsError": (Status.BOUNCED, Feedback.SOFT_BOUNCE),
        "SpamComplaint": (Status.DELIVERED, Feedback.COMPLAINT),
        "Unsubscribe": (Status.DELIVERED, Feedback.UNSUBSCRIBE),
        "ManuallyDeactivated": (Status.FAILED, Feedback.HARD_BOUNCE),
        "SMTPApiError": (Status.FAILED, None),
        "TemplateRenderingFailed": (Status.FAILED, None),
        **dict.fromkeys(
            ("Transient", "Subscribe", "AutoResponder", "AddressChange", "OpenRelayTest", "ChallengeVerification"), None
        ),
        **dict.fromkeys(("VirusNotification", "InboundError", "Unconfirmed"), None),
    }
)
_OTHER_BOUNCE: Meaning = (Status.BOUNCED, None)


class PostmarkCallbacks(Callbacks):
    """Believes who logs in with the account's webhook password."""

    def __init__(self, password: str) -> None:
        self._login = f"{USER}:{password}".encode()

    def read(self, callback: Callback, now: datetime) -> Sequence[Report]:
        """There is no time in what Postmark sends: a repetition is known by `Report.key`."""
        scheme, _, given = callback.headers.get("authorization", "").partition(" ")
        if not hmac.compare_digest(_decoded(given), self._login) or scheme.lower() != "basic":
            raise Forged("Postmark did not log in, or with another password")
        record = _object(callback.body)
        meaning, id, taken_as = _meaning(record), _message_id(record), record.get("MessageID")
        if meaning is None or id is None or not isinstance(taken_as, str) or not taken_as:
            return ()
        status, feedback = meaning
        return [
            Report(
                message_id=id,
                provider_id=printable(taken_as),
                status=status,
                reason=_reason(record) if status in (Status.BOUNCED, Status.FAILED) else None,
                feedback=feedback,
                key=printable(f"{taken_as}:{record.get('RecordType')}:{record.get('Type', '')}:{record.get('ID', '')}"),
            )
        ]


def _meaning(record: Mapping[str, object]) -> Meaning | None:
    match record.get("RecordType"):
        case "Delivery":
            return Status.DELIVERED, None
        case "SpamComplaint":
            return Status.DELIVERED, Feedback.COMPLAINT
        case "Bounce":
            return _BOUNCES.get(str(record.get("Type")), _OTHER_BOUNCE)
        case "SubscriptionChange":
            by_hand = record.get("SuppressSending") is True and record.get("SuppressionReason") == "ManualSuppression"
            return (Status.DELIVERED, Feedback.UNSUBSCRIBE) if by_hand and record.get("Origin") == "Recipient" else None
    return None


def _reason(record: Mapping[str, object]) -> str:
    said = record.get("Details") or record.get("Description")
    return printable(f"{record.get('Type')}" + (f": {said}" if isinstance(said, str) else ""))


def _message_id(record: Mapping[str, object]) -> UUID | None:
    metadata = record.get("Metadata")
    text = metadata.get(MESSAGE) if isinstance(metadata, dict) else None
    try:
        return ids.parse(ids.Prefix.MESSAGE, str(text))
    except BadId:
        return None


def _decoded(given: str) -> bytes:
    try:
        return base64.b64decode(given, validate=True)
    except ValueError:
        return b""


def _object(body: bytes) -> Mapping[str, object]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
