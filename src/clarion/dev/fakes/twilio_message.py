"""A message at the fake of Twilio: as its ledger has it, as its API shows it, and as it is called back."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass, field
from email.utils import format_datetime
from urllib.parse import urlencode

from clarion import clock
from clarion.dev.fakes.twilio_rules import segments, signature

VERSION = "2010-04-01"


@dataclass(slots=True, kw_only=True)
class Taken:
    """A message that was taken: by it the provider and Clarion's database are compared."""

    sid: str
    to: str
    #: A number, a name, or a messaging service.
    sender: str
    body: str
    status_callback: str | None
    status: str
    error_code: int | None = None
    created: str = field(default_factory=lambda: format_datetime(clock.now(), usegmt=True))

    def resource(self, account_sid: str) -> dict[str, object]:
        """The message as Twilio's API answers it."""
        account = f"/{VERSION}/Accounts/{account_sid}"
        is_service = self.sender.startswith("MG")
        return {
            "account_sid": account_sid,
            "api_version": VERSION,
            "body": self.body,
            "date_created": self.created,
            "date_sent": None,
            "date_updated": self.created,
            "direction": "outbound-api",
            "error_code": self.error_code,
            "error_message": None,
            "from": None if is_service else self.sender,
            "messaging_service_sid": self.sender if is_service else None,
            "num_media": "0",
            "num_segments": "0" if is_service else str(segments(self.body)),
            "price": None,
            "price_unit": "USD",
            "sid": self.sid,
            "status": self.status,
            "subresource_uris": {"media": f"{account}/Messages/{self.sid}/Media.json"},
            "to": self.to,
            "uri": f"{account}/Messages/{self.sid}.json",
        }

    def callback(self, account_sid: str, token: str, *, as_json: bool = False) -> tuple[str, bytes, dict[str, str]]:
        """What is called back of it now: address, body and headers, signed with *token*."""
        url = self.status_callback or ""
        form = {
            "AccountSid": account_sid,
            "ApiVersion": VERSION,
            "From": self.sender,
            "To": self.to,
            "MessageSid": self.sid,
            "MessageStatus": self.status,
            "SmsSid": self.sid,
            "SmsStatus": self.status,
        }
        if self.status in ("delivered", "undelivered"):
            form["RawDlrDoneDate"] = f"{clock.now():%y%m%d%H%M}"
        if self.error_code is not None:
            form["ErrorCode"] = str(self.error_code)
        headers = {"user-agent": "TwilioProxy/1.1", "i-twilio-idempotency-token": secrets.token_hex(16)}
        if as_json:
            body = json.dumps(form).encode()
            url += ("&" if "?" in url else "?") + f"bodySHA256={hashlib.sha256(body).hexdigest()}"
            headers |= {"content-type": "application/json", "x-twilio-signature": signature(token, url, [])}
            return url, body, headers
        headers["content-type"] = "application/x-www-form-urlencoded; charset=UTF-8"
        headers["x-twilio-signature"] = signature(token, url, list(form.items()))
        return url, urlencode(form).encode(), headers
