"""A local server that speaks SendGrid's API: it takes mails, sends none, and posts events, signed.

Written from https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send and
https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event as of November 2026. SendGrid's own library
for Python (6.12) passes against it in the tests, and its check takes the signatures. Unlike SendGrid it calls loopback
addresses, and takes no address under ``.invalid``, which is nobody's (RFC 6761).

commands beside those of `clarion.dev.fakes.serving`
------------------------------------------------------------------------------------------------
POST   /_fake/events         ``{"id": "…", "event": "bounce", "type": "blocked", …}``: posts it to the webhook
"""

from __future__ import annotations

import base64
import hmac
import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import aiohttp
from aiohttp import web
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from clarion import clock
from clarion.dev.fakes.serving import Fake

_ADDRESS = re.compile(r"[!-?A-~]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
_NOT_VALID = "Does not contain a valid address."


@dataclass(slots=True, kw_only=True)
class Taken:
    """A mail that was taken: by it the provider and Clarion's database are compared."""

    #: As ``X-Message-Id`` has it.
    id: str
    to: str
    mail: Mapping[str, Any]
    custom_args: Mapping[str, str]


class SendGridFake(Fake):
    """One account at SendGrid, with one verified domain."""

    def __init__(
        self, *, api_key: str, domain: str, webhook: str | None = None, reports: Sequence[str] = (), port: int = 0
    ) -> None:
        """*reports* are the kinds of events of each mail that is taken, in order, which *webhook* is called with."""
        super().__init__(port=port)
        self.taken: list[Taken] = []
        self.webhook = webhook
        self._login, self._domain, self._reports = f"Bearer {api_key}".encode(), domain, tuple(reports)
        self._key = ec.generate_private_key(ec.SECP256R1())

    @property
    def verification_key(self) -> str:
        """What SendGrid shows of the Signed Event Webhook."""
        der = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return base64.b64encode(der).decode()

    def routes(self, router: web.UrlDispatcher) -> None:
        router.add_post("/v3/mail/send", self._send)
        router.add_post("/_fake/events", self._tell)

    def ledger(self) -> list[Mapping[str, object]]:
        return [asdict(message) for message in self.taken]

    def forget(self) -> None:
        self.taken.clear()

    async def report(self, id: str, *kinds: str, **more: Any) -> int:
        """Tell events of the mail *id*, in one request; the HTTP status of the answer.

        Raises KeyError for a mail that was never taken, or where there is no webhook.
        """
        message = next((one for one in self.taken if one.id == id), None)
        if message is None or self.webhook is None:
            raise KeyError(id)
        return await self.post(self.webhook, *self.callback([_event(message, kind, more) for kind in kinds]))

    def callback(self, events: Sequence[Mapping[str, Any]], *, at: float | None = None) -> tuple[bytes, dict[str, str]]:
        """What is posted of *events*: body and headers, signed now or *at* a time."""
        body, timestamp = json.dumps(events).encode(), str(int(clock.now().timestamp() if at is None else at))
        proof = self._key.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
        return body, {
            "content-type": "application/json",
            "x-twilio-email-event-webhook-timestamp": timestamp,
            "x-twilio-email-event-webhook-signature": base64.b64encode(proof).decode(),
        }

    async def _send(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        body = await request.read()
        return await self.faults.handle(request, lambda: self._take(request, body))

    async def _take(self, request: web.Request, body: bytes) -> web.Response:
        if not hmac.compare_digest(request.headers.get("authorization", "").encode(), self._login):
            return _refused(401, "The provided authorization grant is invalid, expired, or revoked", None)
        try:
            mail = json.loads(body)
        except ValueError:
            return _refused(400, "Bad Request", None)
        if (wrong := _wrong(mail, self._domain)) is not None:
            return _refused(*wrong)
        id = secrets.token_urlsafe(16)
        for person in mail["personalizations"]:
            for to in person["to"]:
                taken = Taken(id=id, to=to["email"], mail=mail, custom_args=person.get("custom_args") or {})
                self.taken.append(taken)
        if self._reports:
            self.later(self._report_all(id))
        return web.Response(status=202, headers={"x-message-id": id})

    async def _report_all(self, id: str) -> None:
        await self.report(id, *self._reports)

    async def _tell(self, request: web.Request) -> web.Response:
        try:
            told = json.loads(await request.text())
            answered = await self.report(told.pop("id"), told.pop("event"), **told)
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            return web.Response(status=422, text=f"{type(error).__name__}: {error}\n")
        except (aiohttp.ClientError, TimeoutError) as error:
            return web.Response(status=502, text=f"{type(error).__name__}\n")
        return web.json_response({"answered": answered})


def _wrong(mail: Any, domain: str) -> tuple[int, str, str | None] | None:
    """Why SendGrid would not take *mail*: status, words and field; None when it would."""
    people = mail.get("personalizations") if isinstance(mail, dict) else None
    if not people or not people[0].get("to"):
        return (
            400,
            "The personalizations field is required and must have at least one personalization.",
            "personalizations",
        )
    for number, person in enumerate(people):
        for place, to in enumerate(person["to"]):
            if not _ADDRESS.fullmatch(str(to.get("email"))) or to["email"].endswith(".invalid"):
                return 400, _NOT_VALID, f"personalizations.{number}.to.{place}.email"
    sender = str((mail.get("from") or {}).get("email", ""))
    if not _ADDRESS.fullmatch(sender):
        return 400, "The from email does not contain a valid address.", "from.email"
    if sender.rpartition("@")[2] != domain:
        return 403, "The from address does not match a verified Sender Identity.", "from"
    if not mail.get("subject"):
        return 400, "The subject is required.", "subject"
    content = mail.get("content") or []
    if not content or not all(part.get("value") for part in content):
        return 400, "The content value must be a string at least one character in length.", "content.0.value"
    return _wrong_attachment(mail.get("attachments"))


def _wrong_attachment(attachments: Any) -> tuple[int, str, str | None] | None:
    """Content in base64 without line ends, a name, and an id where it is inline."""
    for number, one in enumerate(attachments or ()):
        try:
            base64.b64decode(one["content"], validate=True)
        except (KeyError, TypeError, ValueError):
            return 400, "The attachment content must be base64 encoded.", f"attachments.{number}.content"
        if not one.get("filename"):
            return 400, "The filename is required.", f"attachments.{number}.filename"
        if one.get("disposition") == "inline" and not one.get("content_id"):
            return 400, "The content_id is required for inline attachments.", f"attachments.{number}.content_id"
    return None


def _refused(status: int, words: str, field: str | None) -> web.Response:
    return web.json_response({"errors": [{"message": words, "field": field, "help": None}]}, status=status)


def _event(taken: Taken, kind: str, more: Mapping[str, Any]) -> dict[str, Any]:
    usual: dict[str, dict[str, Any]] = {
        "bounce": {"type": "bounce", "status": "5.1.1", "reason": "550 5.1.1 no such user"},
        "dropped": {"reason": "Bounced Address", "status": "5.0.0"},
        "delivered": {"response": "250 OK"},
        "deferred": {"response": "400 try again later", "attempt": "5"},
    }
    return {
        "email": taken.to,
        "timestamp": int(clock.now().timestamp()),
        "event": kind,
        "sg_event_id": secrets.token_urlsafe(16),
        "sg_message_id": f"{taken.id}.recvd-7f7dcb5b4-abcde-1-5B9FE0B1-2.0",
        **taken.custom_args,
        **usual.get(kind, {}),
        **more,
    }
