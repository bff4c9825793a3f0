"""Apprise, and a service of its kind ``json``: for what is tried over all kinds, also those without a wire of ours."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from aiohttp import web
from tests.support.chats import chat_message
from tests.support.provider_case import PROMPT, Case
from tests.support.providers import account_at

from clarion.channels.base import Chat
from clarion.channels.chat.apprise import Apprise
from clarion.dev.fakes.serving import Fake
from clarion.http.client import Patience

PASSWORD = "5ecre7c0ffee"


class JsonFake(Fake):
    """A service that takes whatever Apprise posts to it."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[Mapping[str, object]] = []

    def routes(self, router: web.UrlDispatcher) -> None:
        router.add_post("/room", self._take)

    def ledger(self) -> list[Mapping[str, object]]:
        return list(self.taken)

    def forget(self) -> None:
        self.taken.clear()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        said = json.loads(await request.text())

        async def take() -> web.StreamResponse:
            self.taken.append(said)
            return web.Response()

        return await self.faults.handle(request, take)


class AppriseCase(Case):
    """Apprise: one room, no ids at all, and no more certainty than the library has."""

    secrets = (PASSWORD,)
    names_messages = False
    says_no_with_success = False
    refused_as = "destination_refused"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with JsonFake() as self.fake:
            self.faults, self.url = self.fake.faults, self.fake.url
            yield

    def provider(self, base_url: str | None = None, patience: Patience = PROMPT, **more: Any) -> Apprise:
        where = (base_url or self.url).removeprefix("http://")
        seconds = patience.total.total_seconds()
        url = f"json://user:{PASSWORD}@{where}/room?cto={seconds:g}&rto={seconds:g}"
        account = account_at("tail", {"kind": "apprise", "url": url, "connections": "20"}, None)
        return Apprise(account, deadline=patience.total + timedelta(seconds=1), **more)

    def item(self, *, refused: bool = False) -> Chat:
        return chat_message("elsewhere" if refused else "")

    def taken(self) -> list[str]:
        return [str(said["message"]) for said in self.fake.taken]

    def error(self) -> str:
        raise NotImplementedError  # the status alone decides
