"""A local server that speaks Twilio's Messages API: it takes messages, sends none, and calls back signed.

Written from https://www.twilio.com/docs/messaging/api/message-resource and
https://www.twilio.com/docs/usage/webhooks/webhooks-security as of November 2026. Twilio's own library (twilio-python 9)
passes against it in the tests, and its validator takes the signatures. Unlike Twilio it calls back loopback addresses.

commands, for who may reach it (it listens on this machine alone)
------------------------------------------------------------------------------------------------
GET    /_fake/messages                   the ledger: what was taken
DELETE /_fake/messages                   forget it
PUT    /_fake/faults                     ``{"faults": [{"how": "reset", "taken": true}, …], "lasting": {…}}``
POST   /_fake/messages/{sid}/status      ``{"status": "undelivered", "error_code": 30003}``: calls back
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import secrets
from collections.abc import Sequence
from dataclasses import asdict
from typing import Self
from urllib.parse import parse_qsl

import aiohttp
from aiohttp import web

from clarion.dev.fakes.faults import Faults
from clarion.dev.fakes.twilio_message import VERSION, Taken
from clarion.dev.fakes.twilio_rules import NOT_LOGGED_IN, Refusal, not_found, refusal_of


class TwilioFake:
    """Listens on 127.0.0.1 while the ``async with`` lasts."""

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
        self.account_sid = account_sid
        self.port = port
        self.taken: list[Taken] = []
        self.faults = Faults()
        #: Requests for a message, refused ones and spoilt ones too.
        self.asked = 0
        self._keep = keep
        self._token = auth_token
        self._logins = {(account_sid, auth_token), *([api_key] if api_key else [])}
        self._reports = tuple(reports)
        self._telling: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """What an account's ``base_url`` is to be."""
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[_no_browser])
        messages = f"/{VERSION}/Accounts/{{account}}/Messages"
        app.router.add_post(f"{messages}.json", self._create)
        app.router.add_get(f"{messages}/{{sid}}.json", self._fetch)
        app.router.add_get("/_fake/messages", self._ledger)
        app.router.add_delete("/_fake/messages", self._forget)
        app.router.add_put("/_fake/faults", self._misbehave)
        app.router.add_post("/_fake/messages/{sid}/status", self._tell)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        self._session = aiohttp.ClientSession(trust_env=False, timeout=aiohttp.ClientTimeout(total=15))
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._telling:
            task.cancel()
        await asyncio.gather(*self._telling, return_exceptions=True)
        await self._session.close()
        await self._runner.cleanup()

    async def report(self, sid: str, status: str, error_code: int | None = None, *, as_json: bool = False) -> int:
        """Call back that the message is *status* now; the HTTP status of the answer.

        Raises KeyError for a message that was never taken, or that was taken without an address to call.
        """
        message = next((one for one in self.taken if one.sid == sid), None)
        if message is None or message.status_callback is None:
            raise KeyError(sid)
        message.status, message.error_code = status, error_code
        url, body, headers = message.callback(self.account_sid, self._token, as_json=as_json)
        async with self._session.post(url, data=body, headers=headers) as answer:
            return answer.status

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
        if self._keep is not None:
            del self.taken[: -self._keep]
        if self._reports and message.status_callback:
            task = asyncio.create_task(self._tell_all(message))
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)
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

    async def _ledger(self, _: web.Request) -> web.Response:
        return web.json_response([asdict(message) for message in self.taken])

    async def _forget(self, _: web.Request) -> web.Response:
        self.taken.clear()
        return web.Response(status=204)

    async def _misbehave(self, request: web.Request) -> web.Response:
        try:
            told = json.loads(await request.text())
            self.faults.replace(told.get("faults", []), told.get("lasting"))
        except (ValueError, TypeError, AttributeError) as error:
            return web.Response(status=422, text=f"{error}\n")
        return web.Response(status=204)

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


@web.middleware
async def _no_browser(request: web.Request, handler: object) -> web.StreamResponse:
    """Keep pages of other websites from sending commands through somebody's browser."""
    if "origin" in request.headers:
        return web.Response(status=403)
    return await handler(request)  # type: ignore[operator, no-any-return]
