"""A local server that speaks Postmark's API: it takes mails, sends none, and calls webhooks.

Written from https://postmarkapp.com/developer/user-guide/send-email-with-api and
https://postmarkapp.com/developer/webhooks/webhooks-overview as of November 2026. Postmark's own library for Python
(0.4) passes against it in the tests. Unlike Postmark it calls loopback addresses, and knows two domains that always
fail (`postmark_rules`).

commands beside those of `clarion.dev.fakes.serving`
------------------------------------------------------------------------------------------------
POST   /_fake/records        ``{"id": "…", "record": "Bounce", "Type": "SoftBounce", …}``: calls the webhook
"""

from __future__ import annotations

import base64
import hmac
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from clarion import clock
from clarion.dev.fakes import postmark_rules as rules
from clarion.dev.fakes.postmark_rules import NO_TYPE, NOT_JSON, NOT_LOGGED_IN, Refusal
from clarion.dev.fakes.serving import Fake


@dataclass(slots=True, kw_only=True)
class Taken:
    """A mail that was taken: by it the provider and Clarion's database are compared."""

    id: str
    to: str
    sender: str
    subject: str
    text: str
    html: str | None
    stream: str
    metadata: Mapping[str, str]
    headers: list[Mapping[str, str]]
    attachments: list[Mapping[str, str]] = field(default_factory=list)
    at: str = field(default_factory=lambda: clock.now().isoformat())


class PostmarkFake(Fake):
    """One server at Postmark."""

    def __init__(
        self,
        *,
        server_token: str,
        domain: str,
        webhook: str | None = None,
        webhook_login: tuple[str, str] | None = None,
        reports: Sequence[str] = (),
        port: int = 0,
    ) -> None:
        """*domain* is the one whose senders are confirmed. *webhook* is called with *webhook_login*; *reports* are the
        record types of each mail that is taken, in order."""
        super().__init__(port=port)
        self.taken: list[Taken] = []
        self.webhook = webhook
        self.streams = frozenset({"outbound", "broadcast"})
        self._token, self._domain, self._reports = server_token.encode(), domain, tuple(reports)
        self._webhook_login = webhook_login

    def routes(self, router: web.UrlDispatcher) -> None:
        router.add_post("/email", self._send)
        router.add_post("/_fake/records", self._tell)

    def ledger(self) -> list[Mapping[str, object]]:
        return [asdict(message) for message in self.taken]

    def forget(self) -> None:
        self.taken.clear()

    async def report(self, id: str, record: str, **more: Any) -> int:
        """Tell a record of the mail *id*; the HTTP status of the answer.

        Raises KeyError for a mail that was never taken, or where there is no webhook.
        """
        message = next((one for one in self.taken if one.id == id), None)
        if message is None or self.webhook is None:
            raise KeyError(id)
        headers = {"content-type": "application/json", "user-agent": "Postmark"}
        if self._webhook_login is not None:
            login = base64.b64encode(":".join(self._webhook_login).encode()).decode()
            headers["authorization"] = f"Basic {login}"
        return await self.post(self.webhook, json.dumps(_record(message, record, more)).encode(), headers)

    async def _send(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        body = await request.read()
        return await self.faults.handle(request, lambda: self._take_one(request, body))

    async def _take_one(self, request: web.Request, body: bytes) -> web.Response:
        refusal, told = self._refused(request), _json(body)
        if refusal is None and not isinstance(told, dict):
            refusal = NOT_JSON
        if refusal is not None:
            return web.json_response(refusal.body(), status=refusal.status)
        taken = self._take(told)
        if isinstance(taken, Refusal):
            return web.json_response(taken.body(), status=taken.status)
        return web.json_response(_accepted(taken))

    def _take(self, mail: Mapping[str, Any]) -> Taken | Refusal:
        refusal = rules.refusal_of(mail, self._domain, self.streams)
        if refusal is not None:
            return refusal
        taken = Taken(
            id=str(uuid.uuid4()),
            to=", ".join(rules.recipients(mail)),
            sender=mail["From"],
            subject=mail.get("Subject", ""),
            text=mail.get("TextBody", ""),
            html=mail.get("HtmlBody"),
            stream=mail.get("MessageStream", "outbound"),
            metadata=mail.get("Metadata") or {},
            headers=mail.get("Headers") or [],
            attachments=mail.get("Attachments") or [],
        )
        self.taken.append(taken)
        if self._reports:
            self.later(self._report_all(taken.id))
        return taken

    async def _report_all(self, id: str) -> None:
        for record in self._reports:
            await self.report(id, record)

    async def _tell(self, request: web.Request) -> web.Response:
        try:
            told = json.loads(await request.text())
            answered = await self.report(told.pop("id"), told.pop("record"), **told)
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            return web.Response(status=422, text=f"{type(error).__name__}: {error}\n")
        except (aiohttp.ClientError, TimeoutError) as error:
            return web.Response(status=502, text=f"{type(error).__name__}\n")
        return web.json_response({"answered": answered})

    def _refused(self, request: web.Request) -> Refusal | None:
        token = request.headers.get("x-postmark-server-token", "")
        if not hmac.compare_digest(token.encode(), self._token):
            return NOT_LOGGED_IN
        return None if request.content_type == "application/json" else NO_TYPE


def _accepted(taken: Taken) -> dict[str, object]:
    return {"To": taken.to, "SubmittedAt": taken.at, "MessageID": taken.id, "ErrorCode": 0, "Message": "OK"}


def _record(taken: Taken, record: str, more: Mapping[str, Any]) -> dict[str, Any]:
    """What is posted of *taken*: by the type of the record; *more* goes over what stands there else."""
    now = clock.now().isoformat()
    common = {
        "RecordType": record,
        "MessageID": taken.id,
        "ServerID": 23,
        "MessageStream": taken.stream,
        "Metadata": dict(taken.metadata),
        "Tag": "",
    }
    usual: dict[str, dict[str, Any]] = {
        "Delivery": {"Recipient": taken.to, "DeliveredAt": now, "Details": "250 OK"},
        "Bounce": {
            "ID": 42,
            "Type": "HardBounce",
            "TypeCode": 1,
            "Name": "Hard bounce",
            "Description": "The server was unable to deliver your message (ex: unknown user, mailbox not found).",
            "Details": "550 5.1.1 no such user",
            "Email": taken.to,
            "From": taken.sender,
            "BouncedAt": now,
            "Inactive": True,
            "CanActivate": True,
            "Subject": taken.subject,
        },
        "SpamComplaint": {"ID": 43, "Type": "SpamComplaint", "TypeCode": 100001, "Email": taken.to, "BouncedAt": now},
        "SubscriptionChange": {
            "Recipient": taken.to,
            "ChangedAt": now,
            "Origin": "Recipient",
            "SuppressSending": True,
            "SuppressionReason": "ManualSuppression",
        },
    }
    return {**common, **usual.get(record, {}), **more}


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
