"""What the provider of the measurements answers: the rules of the fakes that the tests use, without their servers."""

from __future__ import annotations

import base64
import secrets
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qsl

import orjson

from clarion.dev.fakes import fcm_rules, google_access, twilio_rules
from clarion.dev.fakes.google_access import GoogleAccessFake
from clarion.dev.fakes.twilio_message import VERSION, Taken

#: Status, body, and the recipient where a message was taken.
Answer = tuple[int, bytes, str | None]

PROJECT = "clarion-bench"
ACCOUNT_SID = "AC" + "0123456789abcdef" * 2
AUTH_TOKEN = "c0ffee" * 5 + "c0"
SENDER = "+15017122661"
_SCOPES = frozenset(
    {"https://www.googleapis.com/auth/firebase.messaging", "https://www.googleapis.com/auth/cloud-platform"}
)


class Desk(ABC):
    """One account at one provider."""

    @abstractmethod
    def answer(self, path: bytes, authorization: bytes, body: bytes) -> Answer:
        """The answer to a POST."""


class TwilioDesk(Desk):
    """Twilio's Messages API."""

    def __init__(self) -> None:
        self._login = b"Basic " + base64.b64encode(f"{ACCOUNT_SID}:{AUTH_TOKEN}".encode())
        self._path = f"/{VERSION}/Accounts/{ACCOUNT_SID}/Messages.json".encode()

    def answer(self, path: bytes, authorization: bytes, body: bytes) -> Answer:
        if authorization != self._login:
            return _refused(twilio_rules.NOT_LOGGED_IN.status, twilio_rules.NOT_LOGGED_IN.body())
        if path != self._path:
            refusal = twilio_rules.not_found(path.decode())
            return _refused(refusal.status, refusal.body())
        form = dict(parse_qsl(body.decode(), keep_blank_values=True))
        found = twilio_rules.refusal_of(form)
        if found is not None:
            return _refused(found.status, found.body())
        message = Taken(
            sid=f"SM{secrets.token_hex(16)}",
            to=form["To"],
            sender=form.get("From", ""),
            body=form["Body"],
            status_callback=form.get("StatusCallback"),
            status="queued",
            created="Thu, 26 Nov 2026 00:00:00 +0000",
        )
        return 201, orjson.dumps(message.resource(ACCOUNT_SID)), message.to


class FcmDesk(Desk):
    """FCM's HTTP v1 API with Google's access; writes the account's key to *key*."""

    def __init__(self, url: str, key: Path) -> None:
        self._access = GoogleAccessFake(project=PROJECT, scopes=_SCOPES)
        self._path = f"/v1/projects/{PROJECT}/messages:send".encode()
        key.write_text(self._access.service_account(url + google_access.PATH))

    def answer(self, path: bytes, authorization: bytes, body: bytes) -> Answer:
        if path == google_access.PATH.encode():
            status, told = self._access.grant(dict(parse_qsl(body.decode())))
            return status, orjson.dumps(told), None
        if not self._access.knows(authorization.decode()):
            return _refused(fcm_rules.NOT_LOGGED_IN.http, fcm_rules.NOT_LOGGED_IN.body())
        if path != self._path:
            return _refused(fcm_rules.NOT_YOURS.http, fcm_rules.NOT_YOURS.body())
        asked = orjson.loads(body)
        found = fcm_rules.refusal_of(asked, dead=(), mismatched=(), unlinked=())
        if found is not None:
            return _refused(found.http, found.body())
        name = f"projects/{PROJECT}/messages/0:{secrets.randbelow(10**16):016}%{secrets.token_hex(8)}"
        return 200, orjson.dumps({"name": name}), fcm_rules.target_of(asked["message"])


def _refused(status: int, body: Mapping[str, object]) -> Answer:
    return status, orjson.dumps(body), None
