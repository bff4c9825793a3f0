"""A mail at the fake of Mailgun: as its ledger has it, and the events that are told of it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clarion import clock
from clarion.dev.fakes.mailgun_rules import signature

#: By the severity of a failure, and by the kind of every other event: the webhook that tells it.
_FAILURES: Mapping[str, str] = {"permanent": "permanent_fail", "temporary": "temporary_fail"}


@dataclass(slots=True, kw_only=True)
class Taken:
    """A mail that was taken: by it the provider and Clarion's database are compared."""

    #: With its brackets, as the API answers it.
    id: str
    to: str
    sender: str
    subject: str
    #: The whole message, where it came as one.
    message: str
    variables: Mapping[str, str]
    #: Files of a message in parts: `field` (``attachment``, or ``inline``, which HTML calls by its name), `name`,
    #: `type` and `content`, in base64.
    files: Sequence[Mapping[str, str]] = ()
    #: What has been told of it.
    events: list[dict[str, Any]] = field(default_factory=list)

    def event(self, kind: str, **more: Any) -> dict[str, Any]:
        """A new event of it, as webhooks and the events API have it; *more* goes over what stands there else."""
        at = clock.now().timestamp()
        return {
            "event": kind,
            "id": secrets.token_urlsafe(16),
            "timestamp": at,
            "log-level": "error" if kind == "failed" else "info",
            "envelope": {"transport": "smtp", "sender": self.sender, "targets": self.to},
            "flags": {"is-routed": False, "is-authenticated": True, "is-system-test": False, "is-test-mode": False},
            "message": {
                "headers": {
                    "to": self.to,
                    "message-id": self.id.strip("<>"),
                    "from": self.sender,
                    "subject": self.subject,
                },
                "attachments": [],
                "size": len(self.message),
            },
            "recipient": self.to,
            "recipient-domain": self.to.rpartition("@")[2],
            "tags": [],
            "campaigns": [],
            "user-variables": dict(self.variables),
            **_usual(kind, more),
            **more,
        }


def webhook_of(event: Mapping[str, Any]) -> str:
    """The webhook that tells *event*."""
    return _FAILURES[event["severity"]] if event["event"] == "failed" else str(event["event"])


def callback(event: Mapping[str, Any], signing_key: str, *, at: float | None = None) -> tuple[bytes, dict[str, str]]:
    """What is posted of *event*: body and headers, signed now or *at* a time."""
    timestamp, token = str(int(clock.now().timestamp() if at is None else at)), secrets.token_hex(25)
    signed = {"timestamp": timestamp, "token": token, "signature": signature(signing_key, timestamp, token)}
    body = json.dumps({"signature": signed, "event-data": event}).encode()
    return body, {"content-type": "application/json", "user-agent": "mailgun/fake"}


def _usual(kind: str, more: Mapping[str, Any]) -> dict[str, Any]:
    """What stands in an event of its kind unless it is said."""
    if kind == "delivered":
        return {"delivery-status": {"code": 250, "message": "OK", "description": "", "attempt-no": 1, "tls": True}}
    if kind != "failed":
        return {}
    if more.get("severity") == "temporary":
        status = {"code": 451, "enhanced-code": "4.7.652", "message": "4.7.652 too many connections", "attempt-no": 1}
        return {"reason": "generic", "delivery-status": status}
    status = {
        "code": 550,
        "enhanced-code": "5.1.1",
        "message": "5.1.1 The email account does not exist.",
        "attempt-no": 1,
    }
    return {"severity": "permanent", "reason": "bounce", "delivery-status": status}
