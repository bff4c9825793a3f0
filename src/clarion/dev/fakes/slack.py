"""A local server that speaks Slack's API, as far as an app that writes needs it, and its incoming webhooks.

Written from https://docs.slack.dev/reference/methods/chat.postMessage and
https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks as of November 2026. Slack's own library
(slack-sdk 3.48) passes against it in the tests.

commands beside those of `clarion.dev.fakes.serving`
------------------------------------------------------------------------------------------------
PUT    /_fake/rooms          ``{"unknown": ["C…"], "archived": [], "not_in": [], "gone": ["T…/B…/…"]}``: channels, and
                             webhooks by the end of their address
"""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from clarion import clock
from clarion.dev.fakes.chat_serving import ChatFake
from clarion.dev.fakes.slack_rules import hook_refusal_of, refusal_of


class SlackFake(ChatFake):
    """One app in one workspace, with as many webhooks as anybody posts to."""

    provider = "slack"
    marks = ("unknown", "archived", "not_in", "gone")

    def __init__(self, *, token: str, port: int = 0, keep: int | None = None) -> None:
        super().__init__(port=port, keep=keep)
        self._token = token
        #: The token was taken back.
        self.revoked = False

    def speak(self, router: web.UrlDispatcher) -> None:
        router.add_post("/api/{method}", self._call)
        router.add_post("/services/{team}/{hook}/{secret}", self._post)

    async def _call(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        if method not in ("chat.postMessage", "auth.test"):
            return web.json_response({"ok": False, "error": "unknown_method"})
        given = await _fields(request)
        if method == "auth.test":
            wrong = self._not_let_in(request, given)
            found = {"ok": True, "team": "Fake", "user": "clarion", "team_id": "T0FAKE000", "user_id": "U0FAKE000"}
            return web.json_response({"ok": False, "error": wrong} if wrong else found)
        self.asked += 1
        return await self.faults.handle(request, lambda: self._take(request, given))

    async def _take(self, request: web.Request, given: dict[str, Any] | None) -> web.Response:
        error = self._not_let_in(request, given)
        error = error or ("invalid_json" if given is None else refusal_of(given, self.rooms))
        if error is not None or given is None:
            return web.json_response({"ok": False, "error": error})
        now = clock.now().timestamp()
        ts, channel = f"{int(now)}.{self.next_number():06}", str(given["channel"])
        given.pop("token", None)
        self.take(ts, channel, given)
        text = str(given.get("text", ""))
        message = {"type": "message", "subtype": "bot_message", "text": text, "ts": ts, "bot_id": "B0FAKE000"}
        return web.json_response({"ok": True, "channel": channel, "ts": ts, "message": message})

    async def _post(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        body = await request.text()
        return await self.faults.handle(request, lambda: self._take_hook(request, body))

    async def _take_hook(self, request: web.Request, body: str) -> web.Response:
        team, hook, secret = (request.match_info[name] for name in ("team", "hook", "secret"))
        if f"{team}/{hook}/{secret}" in self.rooms["gone"]:
            return web.Response(status=404, text="no_service")
        given = _json(body)
        refusal = (400, "invalid_payload") if given is None else hook_refusal_of(given)
        if refusal is not None or given is None:
            assert refusal is not None
            return web.Response(status=refusal[0], text=refusal[1])
        self.take(f"hook-{self.next_number()}", f"{team}/{hook}", given)
        return web.Response(text="ok")

    def _not_let_in(self, request: web.Request, given: dict[str, Any] | None) -> str | None:
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        token = bearer or str((given or {}).get("token", ""))
        if not token:
            return "not_authed"
        if token != self._token:
            return "invalid_auth"
        return "token_revoked" if self.revoked else None


async def _fields(request: web.Request) -> dict[str, Any] | None:
    """The arguments of a call: as JSON, or as a form, in which what is no text is JSON."""
    if request.content_type == "application/json":
        return _json(await request.text())
    form = {name: str(text) for name, text in (await request.post()).items()}
    return {name: _value(name, text) for name, text in form.items()}


def _value(name: str, text: str) -> object:
    if name in ("blocks", "attachments", "metadata"):
        return _parsed(text)
    return {"true": True, "false": False, "1": True, "0": False}.get(text, text) if name in _SWITCHES else text


_SWITCHES = frozenset({"mrkdwn", "unfurl_links", "unfurl_media", "link_names", "as_user", "reply_broadcast"})


def _json(text: str) -> dict[str, Any] | None:
    found = _parsed(text)
    return found if isinstance(found, dict) else None


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None
