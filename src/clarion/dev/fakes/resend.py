"""A local server that speaks Resend's API: it takes mails, sends none, and calls webhooks, signed.

Written from https://resend.com/docs/api-reference/emails/send-email and https://resend.com/docs/webhooks/event-types
as of November 2026. Resend's own library for Python (2) passes against it in the tests, and its check takes the
signatures. Unlike Resend it calls loopback addresses, and does not limit the rate.

commands beside those of `clarion.dev.fakes.serving`
------------------------------------------------------------------------------------------------
POST   /_fake/events         ``{"id": "…", "type": "email.bounced", "bounce": {…}}``: calls the webhook
"""

from __future__ import annotations

import hmac
import json
import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from clarion import clock
from clarion.dev.fakes import resend_rules as rules
from clarion.dev.fakes.resend_rules import LONG_KEY, NO_KEY, NOT_JSON, OTHER_WORDS, WRONG_KEY, Refusal
from clarion.dev.fakes.serving import Fake


@dataclass(slots=True, kw_only=True)
class Taken:
    """A mail that was taken: by it the provider and Clarion's database are compared."""

    id: str
    to: list[str]
    mail: Mapping[str, Any]
    at: str = field(default_factory=lambda: clock.now().isoformat())


class ResendFake(Fake):
    """One team at Resend."""

    def __init__(
        self,
        *,
        api_key: str,
        signing_secret: str,
        domain: str,
        webhook: str | None = None,
        reports: Sequence[str] = (),
        port: int = 0,
    ) -> None:
        """*domain* is the one that is verified; *reports* are the types of events of each mail that is taken, in order,
        which *webhook* is called with."""
        super().__init__(port=port)
        self.taken: list[Taken] = []
        self.webhook = webhook
        self._login, self._secret = f"Bearer {api_key}".encode(), signing_secret
        self._domain, self._reports = domain, tuple(reports)
        #: By idempotency key: what the request was, and which mail it made.
        self._keys: dict[str, tuple[str, str]] = {}

    def routes(self, router: web.UrlDispatcher) -> None:
        router.add_post("/emails", self._send)
        router.add_get("/emails/{id}", self._fetch)
        router.add_post("/_fake/events", self._tell)

    def ledger(self) -> list[Mapping[str, object]]:
        return [asdict(message) for message in self.taken]

    def forget(self) -> None:
        self.taken.clear()
        self._keys.clear()

    async def report(self, id: str, kind: str, **more: Any) -> int:
        """Tell an event of the mail *id*; the HTTP status of the answer.

        Raises KeyError for a mail that was never taken, or where there is no webhook.
        """
        message = self._find(id)
        if message is None or self.webhook is None:
            raise KeyError(id)
        body, headers = self.callback(message, kind, **more)
        return await self.post(self.webhook, body, headers)

    def callback(
        self, message: Taken, kind: str, *, at: float | None = None, **more: Any
    ) -> tuple[bytes, dict[str, str]]:
        """What is posted of *message*: body and headers, signed now or *at* a time."""
        tags = {tag["name"]: tag["value"] for tag in message.mail.get("tags") or []}
        data = {
            "created_at": message.at,
            "email_id": message.id,
            "from": message.mail["from"],
            "to": message.to,
            "subject": message.mail["subject"],
            "tags": tags,
            **_usual(kind),
            **more,
        }
        body = json.dumps({"type": kind, "created_at": clock.now().isoformat(), "data": data}).encode()
        id, timestamp = f"msg_{secrets.token_hex(12)}", str(int(clock.now().timestamp() if at is None else at))
        headers = {
            "content-type": "application/json",
            "user-agent": "Svix-Webhooks/1",
            "svix-id": id,
            "svix-timestamp": timestamp,
            "svix-signature": rules.signature(self._secret, id, timestamp, body),
        }
        return body, headers

    async def _send(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        body = await request.read()
        return await self.faults.handle(request, lambda: self._take(request, body))

    async def _take(self, request: web.Request, body: bytes) -> web.Response:
        key, mail = request.headers.get("idempotency-key"), _json(body)
        refusal = self._refused(request) or (None if isinstance(mail, dict) else NOT_JSON)
        if refusal is None and key is not None:
            if not 1 <= len(key) <= 256:
                refusal = LONG_KEY
            elif key in self._keys:
                known, id = self._keys[key]
                return web.json_response({"id": id}) if known == rules.digest(body) else _answer(OTHER_WORDS)
        refusal = refusal or rules.refusal_of(mail, self._domain)
        if refusal is not None:
            return _answer(refusal)
        taken = Taken(id=str(uuid.uuid4()), to=rules.recipients(mail), mail=mail)
        self.taken.append(taken)
        if key is not None:
            self._keys[key] = (rules.digest(body), taken.id)
        if self._reports:
            self.later(self._report_all(taken.id))
        return web.json_response({"id": taken.id})

    async def _report_all(self, id: str) -> None:
        for kind in self._reports:
            await self.report(id, kind)

    async def _fetch(self, request: web.Request) -> web.Response:
        refusal, message = self._refused(request), self._find(request.match_info["id"])
        if refusal is not None or message is None:
            return _answer(refusal or Refusal(404, "not_found", "Email not found"))
        return web.json_response({"object": "email", "id": message.id, "created_at": message.at, **message.mail})

    def _find(self, id: str) -> Taken | None:
        return next((one for one in self.taken if one.id == id), None)

    def _refused(self, request: web.Request) -> Refusal | None:
        given = request.headers.get("authorization", "")
        if not given:
            return NO_KEY
        return None if hmac.compare_digest(given.encode(), self._login) else WRONG_KEY

    async def _tell(self, request: web.Request) -> web.Response:
        try:
            told = json.loads(await request.text())
            answered = await self.report(told.pop("id"), told.pop("type"), **told)
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            return web.Response(status=422, text=f"{type(error).__name__}: {error}\n")
        except (aiohttp.ClientError, TimeoutError) as error:
            return web.Response(status=502, text=f"{type(error).__name__}\n")
        return web.json_response({"answered": answered})


def _answer(refusal: Refusal) -> web.Response:
    return web.json_response(refusal.body(), status=refusal.status)


def _usual(kind: str) -> dict[str, Any]:
    """What stands in an event of its kind unless it is said."""
    if kind == "email.bounced":
        words = "The recipient's email address does not exist."
        return {"bounce": {"type": "Permanent", "subType": "General", "message": words}}
    if kind == "email.failed":
        return {"failed": {"reason": "reached_daily_quota"}}
    if kind == "email.suppressed":
        return {"suppressed": {"type": "OnAccountSuppressionList", "message": "The address is suppressed."}}
    return {}


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
