"""A local server that speaks Vonage's SMS API: it takes messages, sends none, and calls back, signed.

Written from https://developer.vonage.com/en/api/sms and
https://developer.vonage.com/en/messaging/sms/guides/delivery-receipts as of November 2026. Vonage's own library for
Python (vonage-sms 1.2) passes against it in the tests, and its check takes the signatures. Unlike Vonage it calls
loopback addresses, and once; and it does not limit the rate.

commands beside those of `clarion.dev.fakes.serving`
------------------------------------------------------------------------------------------------
POST   /_fake/receipts       ``{"id": "…", "status": "failed", "err-code": "3"}``: calls back
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from urllib.parse import parse_qsl, urlencode

import aiohttp
from aiohttp import web

from clarion import clock
from clarion.dev.fakes import vonage_rules as rules
from clarion.dev.fakes.serving import Fake
from clarion.dev.fakes.vonage_rules import BOTH, WRONG_CREDENTIALS, WRONG_SIGNATURE, Refusal


@dataclass(slots=True, kw_only=True)
class Taken:
    """A message that was taken: by it the provider and Clarion's database are compared."""

    id: str
    #: Of all its parts, this one's first.
    ids: list[str]
    to: str
    sender: str
    #: As a phone shows it.
    text: str
    reference: str | None
    callback: str | None
    at: str = field(default_factory=lambda: clock.now().isoformat())


class VonageFake(Fake):
    """One account at Vonage."""

    def __init__(
        self,
        *,
        api_key: str,
        api_secret: str,
        signature_secret: str,
        method: str = "sha256",
        webhook: str | None = None,
        reports: Sequence[str] = (),
        as_json: bool = False,
        port: int = 0,
    ) -> None:
        """*webhook* is what the account has in the dashboard, for messages without a callback of their own; *reports*
        are the statuses of the receipts of each message that is taken, in order; *as_json* is how they are posted."""
        super().__init__(port=port)
        self.taken: list[Taken] = []
        self._key, self._secret = api_key, api_secret
        self._signing, self._method = signature_secret, method
        self._webhook, self._reports, self._as_json = webhook, tuple(reports), as_json

    def routes(self, router: web.UrlDispatcher) -> None:
        router.add_post("/sms/json", self._send)
        router.add_post("/_fake/receipts", self._tell)

    def ledger(self) -> list[Mapping[str, object]]:
        return [asdict(message) for message in self.taken]

    def forget(self) -> None:
        self.taken.clear()

    async def report(self, id: str, status: str, code: str = "0") -> int:
        """Call back what became of the part *id*; the HTTP status of the answer.

        Raises KeyError for one that was never taken, or where there is nobody to call.
        """
        message = next((one for one in self.taken if id in one.ids), None)
        url = (message.callback or self._webhook) if message is not None else None
        if message is None or url is None:
            raise KeyError(id)
        body, headers = self.receipt(message, status, code, id=id)
        return await self.post(url, body, headers)

    def receipt(
        self, message: Taken, status: str, code: str = "0", *, id: str | None = None, at: float | None = None
    ) -> tuple[bytes, dict[str, str]]:
        """What is posted of *message*: body and headers, signed now or *at* a time."""
        told = {
            "msisdn": message.to,
            "to": message.sender,
            "network-code": "23410",
            "messageId": id or message.id,
            "price": "0.03330000",
            "status": status,
            "scts": f"{clock.now():%y%m%d%H%M}",
            "err-code": code,
            "api-key": self._key,
            "message-timestamp": f"{clock.now():%Y-%m-%d %H:%M:%S}",
            "timestamp": str(int(clock.now().timestamp() if at is None else at)),
            "nonce": secrets.token_hex(16),
            **({"client-ref": message.reference} if message.reference else {}),
        }
        told["sig"] = rules.signed(self._signing, self._method, told).upper()
        if self._as_json:
            return json.dumps(told).encode(), {"content-type": "application/json"}
        return urlencode(told).encode(), {"content-type": "application/x-www-form-urlencoded"}

    async def _send(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        form = dict(parse_qsl(await request.text(), keep_blank_values=True))
        return await self.faults.handle(request, lambda: self._take(request, form))

    async def _take(self, request: web.Request, form: dict[str, str]) -> web.Response:
        refusal = self._refused(request, form) or rules.refusal_of(form)
        if refusal is not None:
            return web.json_response(refusal.body())
        ids = [secrets.token_hex(8).upper() for _ in range(rules.parts(form))]
        message = Taken(
            id=ids[0],
            ids=ids,
            to=form["to"],
            sender=form["from"],
            text=rules.shown(form),
            reference=form.get("client-ref"),
            callback=form.get("callback") if form.get("status-report-req", "").lower() in ("1", "true") else None,
        )
        self.taken.append(message)
        if self._reports and (message.callback or self._webhook):
            self.later(self._report_all(message))
        told = {
            "status": "0",
            "to": message.to,
            "remaining-balance": "15.5",
            "message-price": "0.03",
            "network": "23410",
        }
        reference = {"client-ref": message.reference} if message.reference else {}
        answers = [{"message-id": id, **told, **reference} for id in ids]
        return web.json_response({"message-count": str(len(ids)), "messages": answers})

    async def _report_all(self, message: Taken) -> None:
        for status in self._reports:
            await self.report(message.id, status)

    def _refused(self, request: web.Request, form: Mapping[str, str]) -> Refusal | None:
        if "sig" in form:
            if "api_secret" in form:
                return BOTH
            right = rules.signed(self._signing, self._method, form)
            is_right = hmac.compare_digest(form["sig"].lower().encode(), right.encode()) and rules.is_recent(form)
            return None if is_right and form.get("api_key") == self._key else WRONG_SIGNATURE
        given = (form.get("api_key", ""), form.get("api_secret", ""))
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        if scheme == "Basic":
            key, _, secret = base64.b64decode(encoded).decode().partition(":")
            given = (key, secret)
        is_known = hmac.compare_digest(":".join(given).encode(), f"{self._key}:{self._secret}".encode())
        return None if is_known else WRONG_CREDENTIALS

    async def _tell(self, request: web.Request) -> web.Response:
        try:
            told = json.loads(await request.text())
            answered = await self.report(told["id"], told["status"], str(told.get("err-code", "0")))
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            return web.Response(status=422, text=f"{type(error).__name__}: {error}\n")
        except (aiohttp.ClientError, TimeoutError) as error:
            return web.Response(status=502, text=f"{type(error).__name__}\n")
        return web.json_response({"answered": answered})
