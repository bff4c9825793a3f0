"""Providers of chats, each with the fake that it is tried against."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from tests.support.providers import PROMPT, Case, account_at

from clarion import ids
from clarion.channels.account import Account
from clarion.channels.base import Chat
from clarion.channels.chat.telegram import Telegram
from clarion.dev.fakes.telegram import TelegramFake
from clarion.domain.content import ChatContent
from clarion.http.client import Patience

TELEGRAM_TOKEN = "110201543:5ecre7" + "AAHdqTcv" * 4


def chat_message(to: str = "", text: str = "Your order is ready.", **words: Any) -> Chat:
    return Chat(message_id=ids.new(), to=to, content=ChatContent(text=text, **words))


def telegram_account(name: str = "bot", *, base_url: str | None = None, **more: str) -> Account:
    """A bot as the settings would have it; *base_url* may lead anywhere, as the settings do not let it."""
    return account_at(name, {"kind": "telegram", "token": TELEGRAM_TOKEN, **more}, base_url)


class TelegramCase(Case):
    """Telegram: no idempotency key, and a number that Telegram gives."""

    secrets = (TELEGRAM_TOKEN,)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with TelegramFake(token=TELEGRAM_TOKEN) as self.fake:
            self.faults, self.url = self.fake.faults, self.fake.url
            self.fake.rooms["unknown"].add("404")
            yield

    def provider(self, base_url: str | None = None, patience: Patience = PROMPT, **more: Any) -> Telegram:
        return Telegram(telegram_account(base_url=base_url or self.url), patience=patience, **more)

    def item(self, *, refused: bool = False) -> Chat:
        return chat_message("404" if refused else "987654321")

    def taken(self) -> list[str]:
        return [message.id for message in self.fake.taken]

    def error(self) -> str:
        return '{"ok": false, "error_code": 400, "description": "Bad Request: chat not found"}'


CHAT_CASES: Mapping[str, type[Case]] = {"telegram": TelegramCase}
