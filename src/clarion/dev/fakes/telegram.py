"""A local server that speaks Telegram's Bot API, as far as a bot that writes needs it: it sends nothing.

Written from https://core.telegram.org/bots/api (Bot API 9) as of November 2026. The library python-telegram-bot (22)
passes against it in the tests.

commands beside those of `clarion.dev.fakes.serving`
------------------------------------------------------------------------------------------------
PUT    /_fake/rooms          ``{"blocked": ["1"], "unknown": [], "deactivated": [], "kicked": [], "read_only": [],
                             "moved": ["-5>-1005"]}``
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from clarion import clock
from clarion.dev.fakes.chat_serving import ChatFake
from clarion.dev.fakes.telegram_rules import Refusal, moved, refusal_of

NOT_LOGGED_IN = Refusal(401, "Unauthorized")
NOT_FOUND = Refusal(404, "Not Found")


class TelegramFake(ChatFake):
    """One bot."""

    provider = "telegram"
    marks = ("blocked", "unknown", "deactivated", "kicked", "read_only", "moved")

    def __init__(self, *, token: str, port: int = 0, keep: int | None = None) -> None:
        super().__init__(port=port, keep=keep)
        self._token = token

    def speak(self, router: web.UrlDispatcher) -> None:
        router.add_route("*", "/bot{token}/{method}", self._call)

    @property
    def me(self) -> dict[str, object]:
        """The bot as a user."""
        return {"id": int(self._token.partition(":")[0]), "is_bot": True, "first_name": "Fake", "username": "fake_bot"}

    async def _call(self, request: web.Request) -> web.StreamResponse:
        if request.match_info["token"] != self._token:
            return _refuse(NOT_LOGGED_IN)
        match request.match_info["method"].lower():
            case "getme":
                return web.json_response({"ok": True, "result": self.me})
            case "sendmessage":
                self.asked += 1
                given = await _fields(request)
                return await self.faults.handle(request, lambda: self._send(given))
            case _:
                return _refuse(NOT_FOUND)

    async def _send(self, given: Mapping[str, Any] | None) -> web.Response:
        if given is None:
            return _refuse(Refusal(400, "Bad Request: can't parse JSON object"))
        refusal = refusal_of(given, self.rooms)
        if refusal is not None:
            return _refuse(refusal)
        room, number = str(given["chat_id"]), self.next_number()
        self.take(str(number), room, dict(given))
        private = not room.startswith(("-", "@"))
        where: dict[str, object] = {"id": int(room) if not room.startswith("@") else -100_000_000_001}
        where |= {"type": "private", "first_name": "Ann"} if private else {"type": "supergroup", "title": "A room"}
        result = {
            "message_id": number,
            "from": self.me,
            "chat": where,
            "date": int(clock.now().timestamp()),
            "text": str(given["text"]).strip(),
            "entities": given.get("entities", []),
        }
        return web.json_response({"ok": True, "result": result})


async def _fields(request: web.Request) -> Mapping[str, Any] | None:
    """The parameters of a call: as JSON, as a form or in the query, where what is no text is JSON."""
    if request.content_type == "application/json":
        try:
            given = json.loads(await request.text())
        except ValueError:
            return None
        return given if isinstance(given, dict) else None
    texts = {**request.query, **(await request.post())}
    return {name: _value(name, str(text)) for name, text in texts.items()}


def _value(name: str, text: str) -> object:
    if name not in ("entities", "link_preview_options", "reply_markup"):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _refuse(refusal: Refusal) -> web.Response:
    body: dict[str, object] = {"ok": False, "error_code": refusal.status, "description": refusal.description}
    if (new := moved(refusal)) is not None:
        body["parameters"] = {"migrate_to_chat_id": new}
    return web.json_response(body, status=refusal.status)
