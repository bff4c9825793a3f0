"""Webhooks of recipients under torture: receivers that verify what comes, some of which hang for long."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from aiohttp import web
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError
from tests.support.api import SECRET
from tests.support.house import House
from tests.support.tortured import EACH, ONE_IN, Tortured, is_refused
from tests.support.tortured_http import SPOILT, Requests

from clarion import handlers, ids
from clarion.channels.webhook import WebhookProvider
from clarion.dev.fakes.faults import Fault, How
from clarion.dev.fakes.serving import Fake
from clarion.flows.lines import HANGS_S
from clarion.http.catching import Catching
from clarion.http.url_guard import Network, UrlGuard

ALLOWED = "127.0.0.1/32"
#: Longer than it takes to be known as one that hangs.
DEADLINE = timedelta(seconds=HANGS_S + 0.5)


class Receivers(Fake):
    """The programs of all recipients, each at a path of its own: they believe what is signed with their secret."""

    def __init__(self) -> None:
        super().__init__()
        self.secrets: dict[str, str] = {}
        self.taken: list[str] = []
        #: What came to where redirects lead.
        self.followed = 0

    def routes(self, router: web.UrlDispatcher) -> None:
        router.add_post("/hooks/{who}", self._take)
        router.add_route("*", "/inside", self._inside)

    def ledger(self) -> list[Mapping[str, object]]:
        return [{"id": id} for id in self.taken]

    def forget(self) -> None:
        self.taken.clear()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        who, body = request.match_info["who"], await request.read()

        async def take() -> web.Response:
            if is_refused(who):
                return web.Response(status=400, text="not that")
            try:
                Webhook(self.secrets[who]).verify(body, {name.lower(): one for name, one in request.headers.items()})
            except WebhookVerificationError as error:
                return web.Response(status=401, text=str(error))
            self.taken.append(request.headers["webhook-id"])
            return web.Response(status=200)

        return await self.faults.handle(request, take)

    async def _inside(self, _: web.Request) -> web.Response:
        self.followed += 1
        return web.Response(status=200)


class TorturedWebhooks(Tortured):
    """The channel ``webhook``: six messages to each of ten recipients, so that what hangs is left alone, and freed."""

    channel = "webhook"
    names_messages = False
    triggers = EACH // ONE_IN

    @asynccontextmanager
    async def running(self, folder: Path) -> AsyncIterator[None]:
        async with Receivers() as self._receivers:
            self._requests = Requests(self._receivers.faults)
            self.monkeypatch.setattr(handlers, "posting", _posting)
            yield
            assert self._receivers.followed == 0, "a redirect was followed"

    def spoil(self, chance: random.Random) -> int:
        inside = {"location": f"{self._receivers.url}/inside"}
        redirects = [Fault(how=How.ANSWER, status=code, headers=inside) for code in (301, 302, 303, 307, 308)]
        return self._requests.add([*SPOILT, *redirects], chance)

    @property
    def left(self) -> int:
        return self._requests.left

    @property
    def asked(self) -> int:
        return self._receivers.asked

    async def people(self, house: House, workflow: str) -> list[Any]:
        people = [f"{workflow}{number}" for number in range(ONE_IN)]
        for who in people:
            if who not in self._receivers.secrets:
                await house.put(f"/v1/recipients/{who}", {"name": who})
                url = {"url": f"{self._receivers.url}/hooks/{who}"}
                made = await house.post(f"/v1/recipients/{who}/webhooks", url, status=201)
                self._receivers.secrets[who] = made["secret"]
        return people

    def taken(self) -> Iterable[str]:
        return self._receivers.taken

    def mark(self, row: Mapping[str, Any]) -> str:
        return ids.show(ids.Prefix.MESSAGE, row["id"])

    def env(self) -> dict[str, str]:
        return {
            "CLARION_WEBHOOK_ALLOW_NETWORKS": ALLOWED,
            "CLARION_SECRET": SECRET.decode(),
        }

    def services(self) -> dict[str, Any]:
        return {"allow_networks": [ip_network(ALLOWED)]}


def _posting(catching: Catching | None, own: Sequence[Network]) -> WebhookProvider:
    """As the handlers are given it, with a deadline for tests."""
    assert catching is None
    return WebhookProvider(UrlGuard(own), deadline=DEADLINE)
