"""An event as SES publishes it, of a mail that the fake took.

Written from https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-examples.html as of November
2026.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from clarion import clock
from clarion.dev.fakes.sns_topic import timestamp

#: What an event says unless it is told otherwise, by its type: under which name, and what.
_USUAL: Mapping[str, tuple[str, dict[str, Any]]] = MappingProxyType(
    {
        "Send": ("send", {}),
        "Delivery": ("delivery", {"processingTimeMillis": 546, "smtpResponse": "250 2.6.0 Message received"}),
        "Bounce": ("bounce", {"bounceType": "Permanent", "bounceSubType": "General", "feedbackId": "0100017e-000000"}),
        "Complaint": ("complaint", {"complaintFeedbackType": "abuse", "complaintSubType": None}),
        "Reject": ("reject", {"reason": "Bad content"}),
        "DeliveryDelay": ("deliveryDelay", {"delayType": "MailboxFull"}),
        "Rendering Failure": ("failure", {"errorMessage": "Attribute 'name' is not present", "templateName": "Hi"}),
        "Subscription": ("subscription", {"contactList": "all", "newTopicPreferences": {"unsubscribeAll": True}}),
        "Open": ("open", {"ipAddress": "192.0.2.1"}),
        "Click": ("click", {"link": "https://shop.example/"}),
    }
)
_UNKNOWN_USER = {"action": "failed", "status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 user unknown"}


@dataclass(slots=True, kw_only=True)
class Taken:
    """A mail that was taken: by it the provider and Clarion's database are compared."""

    id: str
    to: list[str]
    sender: str
    subject: str
    #: The whole of it, as it is sent on.
    message: str
    tags: dict[str, list[str]]
    #: As they came.
    headers: list[dict[str, str]]
    at: str = field(default_factory=lambda: timestamp(clock.now()))

    def event(self, kind: str, *, recipient: Mapping[str, str] = _UNKNOWN_USER, **more: Any) -> str:
        """An event of this *kind*, with *more* of its own; of a bounce, what the other server said of its recipient."""
        name, usual = _USUAL.get(kind, (kind.lower(), {}))
        own = {"timestamp": timestamp(clock.now()), **usual, **more}
        if kind == "Bounce":
            own["bouncedRecipients"] = [{"emailAddress": address, **recipient} for address in self.to]
        if kind == "Complaint":
            own["complainedRecipients"] = [{"emailAddress": address} for address in self.to]
        mail = {
            "timestamp": self.at,
            "messageId": self.id,
            "source": self.sender,
            "sendingAccountId": "123456789012",
            "destination": self.to,
            "headersTruncated": False,
            "headers": self.headers,
            "commonHeaders": {"from": [self.sender], "to": self.to, "messageId": self.id, "subject": self.subject},
            "tags": {"ses:source-ip": ["192.0.2.1"], "ses:caller-identity": ["clarion"], **self.tags},
        }
        return json.dumps({"eventType": kind, name: own, "mail": mail})
