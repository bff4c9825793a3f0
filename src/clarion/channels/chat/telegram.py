"""Chat messages by a Telegram bot.

Written from https://core.telegram.org/bots/api#sendmessage (Bot API 9) and https://core.telegram.org/bots/faq as of
November 2026. Telegram knows no idempotency key: a request that may have arrived and was not answered is `Uncertain`.
Tried against a fake of ours, against which the library python-telegram-bot passes; never against the live service.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable

import orjson

from clarion.channels.account import Account
from clarion.channels.base import Chat
from clarion.channels.chat.over_http import PATIENCE, ChatOverHttp, Request
from clarion.channels.chat.telegram_account import api_of
from clarion.channels.chat.telegram_answer import moved_to, outcome_of
from clarion.channels.chat.telegram_message import body_of, too_large
from clarion.domain.outcome import Outcome, Reject
from clarion.http.client import Patience
from clarion.http.reply import Reply
from clarion.http.url_guard import Destination, parse_url

#: Groups whose new id is kept in mind.
_MOST_MOVED = 1_000


class Telegram(ChatOverHttp):
    """One bot."""

    def __init__(self, account: Account, *, patience: Patience = PATIENCE, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(account, own_room=account.get("chat"), patience=patience, tls=tls)
        url = f"{api_of(account)}/bot{account['token']}/sendMessage"
        #: The token is part of the address: so that stands in no attribute, which somebody might print.
        self._to: Callable[[], Destination] = lambda: parse_url(url)
        self._token: Callable[[], str] = lambda: account["token"]
        #: Groups that have become supergroups, and have another id since.
        self._moved: dict[str, str] = {}

    def _request(self, item: Chat, room: str) -> Request | Outcome:
        body = body_of(item.content)
        if why := too_large(body):
            return Reject(why, code="too_large")
        room = self._moved.get(room, room)
        return Request(self._to(), orjson.dumps({"chat_id": room if room.startswith("@") else int(room), **body}))

    def _outcome(self, reply: Reply, room: str, *, own: bool) -> Outcome:
        return outcome_of(reply, room, self._token())

    async def _ask(self, item: Chat, room: str) -> Outcome:
        """As all do; and once more where the group has another id now, as it was certainly not taken then."""
        made = self._request(item, room)
        if not isinstance(made, Request):
            return made
        answer = await self._http.post(made.to, made.body, made.headers)
        if not isinstance(answer, Reply):
            return answer
        new = moved_to(answer)
        if new is None or self._moved.get(room) == new:
            return self._outcome(answer, room, own=not item.to)
        if len(self._moved) >= _MOST_MOVED:
            self._moved.clear()
        self._moved[room] = new
        return await self._ask(item, room)
