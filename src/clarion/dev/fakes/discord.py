"""A local server that speaks Discord's API, as far as a bot that writes needs it, and its webhooks.

Written from https://docs.discord.com/developers/resources/message#create-message and
https://docs.discord.com/developers/resources/webhook#execute-webhook (API v10) as of November 2026. The library
discord.py (2.7) passes against it in the tests, as a bot and as a webhook.

commands beside those of `clarion.dev.fakes.serving`
------------------------------------------------------------------------------------------------
PUT    /_fake/rooms          ``{"unknown": ["1…"], "forbidden": [], "closed": [], "gone": ["1…"]}``: channels without
                             access, people who take nothing, and webhooks by their ids
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from clarion import clock
from clarion.dev.fakes.chat_serving import ChatFake
from clarion.dev.fakes.discord_rules import (
    NO_AGENT,
    NOT_LOGGED_IN,
    UNKNOWN_CHANNEL,
    UNKNOWN_WEBHOOK,
    Refusal,
    refusal_of,
    shown,
)

_BOT = "900000000000000001"
_EPOCH_MS = 1_420_070_400_000


class DiscordFake(ChatFake):
    """One bot, with as many webhooks as anybody posts to."""

    provider = "discord"
    marks = ("unknown", "forbidden", "closed", "gone")

    def __init__(self, *, token: str, port: int = 0, keep: int | None = None) -> None:
        super().__init__(port=port, keep=keep)
        self._token = token
        #: By channel and nonce: what is asked for again is answered, and not made again.
        self._by_nonce: dict[tuple[str, str], dict[str, object]] = {}
        #: How many messages a channel takes; then it is full, for so many seconds. None: any number.
        self.bucket: tuple[int, float] | None = None

    def speak(self, router: web.UrlDispatcher) -> None:
        for api in ("/api", "/api/v10"):
            router.add_get(f"{api}/users/@me", self._me)
            router.add_get(f"{api}/oauth2/applications/@me", self._application)
            router.add_post(f"{api}/channels/{{channel}}/messages", self._create)
            router.add_post(f"{api}/webhooks/{{id}}/{{token}}", self._execute)

    def read(self, words: str) -> str:
        return shown(words)

    async def _me(self, request: web.Request) -> web.Response:
        wrong = self._not_let_in(request)
        return _refuse(wrong) if wrong else _answer(_user(_BOT))

    async def _application(self, request: web.Request) -> web.Response:
        about = {"id": _BOT, "name": "clarion", "description": "", "icon": None, "verify_key": "", "owner": _user(_BOT)}
        wrong = self._not_let_in(request)
        return _refuse(wrong) if wrong else _answer({**about, "bot_public": False, "bot_require_code_grant": False})

    async def _create(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        given = _json(await request.text())
        return await self.faults.handle(request, lambda: self._take(request, given))

    async def _take(self, request: web.Request, given: dict[str, Any] | None) -> web.Response:
        channel = request.match_info["channel"]
        refusal = self._not_let_in(request) or refusal_of(given, channel, self.rooms)
        if refusal is not None or given is None:
            return _refuse(refusal or UNKNOWN_CHANNEL)
        if self.bucket is not None and self._left(channel) <= 0:
            limited = {"message": "You are being rate limited.", "retry_after": self.bucket[1], "global": False}
            return self._counted(_answer(limited, 429), channel)
        nonce = str(given.get("nonce") or "")
        known = self._by_nonce.get((channel, nonce)) if nonce and given.get("enforce_nonce") else None
        if known is None:
            known = self._message(channel, given, _user(_BOT))
            self._by_nonce[channel, nonce] = known
        return self._counted(_answer(known), channel)

    def _left(self, channel: str) -> int:
        return (self.bucket[0] if self.bucket else 0) - sum(one.room == channel for one in self.taken)

    def _counted(self, answer: web.Response, channel: str) -> web.Response:
        """With the headers that tell how many more the channel takes (https://docs.discord.com/developers/topics/rate-limits)."""
        if self.bucket is not None:
            most, seconds = self.bucket
            told = {"Limit": most, "Remaining": self._left(channel), "Reset-After": seconds, "Bucket": "fake"}
            answer.headers.update({f"X-RateLimit-{name}": str(value) for name, value in told.items()})
        return answer

    async def _execute(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        given = _json(await request.text())
        return await self.faults.handle(request, lambda: self._take_hook(request, given))

    async def _take_hook(self, request: web.Request, given: dict[str, Any] | None) -> web.Response:
        id = request.match_info["id"]
        heeds = request.query.get("with_components") in ("true", "1")
        refusal = refusal_of(given, id, self.rooms, webhook=True, with_components=heeds)
        refusal = UNKNOWN_WEBHOOK if id in self.rooms["gone"] else refusal
        if refusal is not None or given is None:
            return _refuse(refusal or UNKNOWN_WEBHOOK)
        made = self._message(f"webhook {id}", given, _user(id, str(given.get("username") or "Fake")))
        if request.query.get("wait") not in ("true", "1"):
            return web.Response(status=204)
        channel = request.query.get("thread_id", "800000000000000001")
        return _answer({**made, "channel_id": channel, "webhook_id": id})

    def _message(self, room: str, given: Mapping[str, Any], author: Mapping[str, object]) -> dict[str, object]:
        now = clock.now()
        id = str((int(now.timestamp() * 1_000) - _EPOCH_MS << 22) + self.next_number() % 4_096)
        self.take(id, room, dict(given))
        return {
            **{"id": id, "type": 0, "content": given.get("content") or "", "channel_id": room, "author": author},
            **{"embeds": given.get("embeds") or [], "timestamp": now.isoformat(), "edited_timestamp": None},
            **{"attachments": [], "mentions": [], "mention_roles": [], "mention_everyone": False, "pinned": False},
            **{"tts": False, "flags": 0, "components": given.get("components") or [], "nonce": given.get("nonce")},
        }

    def _not_let_in(self, request: web.Request) -> Refusal | None:
        if not request.headers.get("user-agent", "").startswith("DiscordBot ("):
            return NO_AGENT
        return None if request.headers.get("authorization") == f"Bot {self._token}" else NOT_LOGGED_IN


def _user(id: str, name: str = "clarion") -> dict[str, object]:
    return {"id": id, "username": name, "discriminator": "0000", "avatar": None, "bot": True, "global_name": None}


def _json(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _answer(body: Mapping[str, object], status: int = 200) -> web.Response:
    """As Discord labels it: its libraries read nothing that names a charset as JSON."""
    return web.Response(body=json.dumps(body).encode(), status=status, content_type="application/json")


def _refuse(refusal: Refusal) -> web.Response:
    body: dict[str, object] = {"message": refusal.message, "code": refusal.code}
    if refusal.errors is not None:
        body["errors"] = refusal.errors
    return _answer(body, refusal.status)
