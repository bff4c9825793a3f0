"""A local server that speaks Twilio's Messages API: it takes messages, sends none, and calls back signed.

Written from https://www.twilio.com/docs/messaging/api/message-resource and
https://www.twilio.com/docs/usage/webhooks/webhooks-security as of November 2026. Twilio's own library (twilio-python 9)
passes against it in the tests, and its validator takes the signatures. Unlike Twilio it calls back loopback addresses.

commands beside those of `clarion.dev.fakes.serving`
------------------------------------------------------------------------------------------------
POST   /_fake/messages/{sid}/status      ``{"status": "undelivered", "error_code": 30003}``: calls back
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from urllib.parse import parse_qsl

import aiohttp
from aiohttp import web

from clarion.dev.fakes.kept import ledger
from clarion.dev.fakes.serving import Fake
from clarion.dev.fakes.twilio_message import VERSION, Taken
from clarion.dev.fakes.twilio_rules import NOT_LOGGED_IN, Refusal, not_found, refusal_of


class TwilioFake(Fake):
    """One account at Twilio."""

    def __init__(
        self,
        *,
        account_sid: str,
        auth_token: str,
        api_key: tuple[str, str] | None = None,
        reports: Sequence[str] = (),
        port: int = 0,
        keep: int | None = None,
    ) -> None:
        """*reports* are the statuses that are called back of each message that is taken, in that order.

        *keep* bounds the ledger: of more than that, the oldest are forgotten.
        """
        super().__init__(port=port)
        self.account_sid = account_sid
        self.taken: list[Taken] = ledger(keep)
        self._token = auth_token
        self._logins = {(account_sid, auth_token), *([api_key] if api_key else [])}
        self._reports = tuple(reports)

    def routes(self, router: web.UrlDispatcher) -> None:
        messages = f"/{VERSION}/Accounts/{{account}}/Messages"
        router.add_post(f"{messages}.json", self._create)
        router.add_get(f"{messages}/{{sid}}.json", self._fetch)
        router.add_post("/_fake/messages/{sid}/status", self._tell)

    def ledger(self) -> list[Mapping[str, object]]:
        return [asdict(message) for message in self.taken]

    def forget(self) -> None:
        self.taken.clear()

    async def report(self, sid: str, status: str, error_code: int | None = None, *, as_json: bool = False) -> int:
        """Call back that the message is *status* now; the HTTP status of the answer.

        Raises KeyError for a message that was never taken, or that was taken without an address to call.
        """
        message = next((one for one in self.taken if one.sid == sid), None)
        if message is None or message.status_callback is None:
            raise KeyError(sid)
        message.status, message.error_code = status, error_code
        url, body, headers = message.callback(self.account_sid, self._token, as_json=as_json)
        return await self.post(url, body, headers)

    async def _create(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        form = dict(parse_qsl(await request.text(), keep_blank_values=True))
        return await self.faults.handle(request, lambda: self._take(request, form))

    async def _take(self, request: web.Request, form: dict[str, str]) -> web.Response:
        refusal = self._refused(request) or refusal_of(form)
        if refusal is not None:
            return _answer(refusal)
        service, sender = form.get("MessagingServiceSid"), form.get("From", "")
        message = Taken(
            sid=f"SM{secrets.token_hex(16)}",
            to=form["To"],
            sender=sender or str(service),
            body=form["Body"],
            status_callback=form.get("StatusCallback") or None,
            status="accepted" if service else "queued",
        )
        self.taken.append(message)
        if self._reports and message.status_callback:
            self.later(self._tell_all(message))
        return web.json_response(message.resource(self.account_sid), status=201)

    async def _tell_all(self, message: Taken) -> None:
        for status in self._reports:
            try:
                await self.report(message.sid, status)
            except (aiohttp.ClientError, TimeoutError):
                continue  # Twilio gives up, too

    async def _fetch(self, request: web.Request) -> web.Response:
        refusal = self._refused(request)
        message = next((one for one in self.taken if one.sid == request.match_info["sid"]), None)
        if refusal is not None or message is None:
            return _answer(refusal or not_found(request.path))
        return web.json_response(message.resource(self.account_sid))

    def _refused(self, request: web.Request) -> Refusal | None:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        try:
            user, _, password = base64.b64decode(given, validate=True).decode().partition(":")
        except ValueError:
            user = password = ""
        known = [hmac.compare_digest(f"{a}:{b}".encode(), f"{user}:{password}".encode()) for a, b in self._logins]
        if scheme.lower() != "basic" or True not in known:
            return NOT_LOGGED_IN
        return None if request.match_info["account"] == self.account_sid else not_found(request.path)

    async def _tell(self, request: web.Request) -> web.Response:
        try:
            told = json.loads(await request.text())
            sid, as_json = request.match_info["sid"], bool(told.get("as_json"))
            answered = await self.report(sid, str(told["status"]), told.get("error_code"), as_json=as_json)
        except (ValueError, KeyError, AttributeError) as error:
            return web.Response(status=422, text=f"{type(error).__name__}: {error}\n")
        except (aiohttp.ClientError, TimeoutError) as error:
            return web.Response(status=502, text=f"{type(error).__name__}\n")
        return web.json_response({"answered": answered})


def _answer(refusal: Refusal) -> web.Response:
    return web.json_response(refusal.body(), status=refusal.status)
