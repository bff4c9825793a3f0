"""What all fakes of providers share: a server on this machine, commands, and calling back.

commands, for who may reach it (it listens on this machine alone)
------------------------------------------------------------------------------------------------
GET    /_fake/messages       the ledger: what was taken
DELETE /_fake/messages       forget it
PUT    /_fake/faults         ``{"faults": [{"how": "reset", "taken": true}, …], "lasting": {…}}``
"""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Coroutine, Mapping
from typing import Any, Self

import aiohttp
from aiohttp import web

from clarion.dev.fakes.faults import Faults

#: What is larger is refused before it is read.
_MOST = 64 * 1024 * 1024


class Fake(ABC):
    """Listens on 127.0.0.1 while the ``async with`` lasts."""

    def __init__(self, *, port: int = 0) -> None:
        self.port = port
        self.faults = Faults()
        #: Requests for a message, refused ones and spoilt ones too.
        self.asked = 0
        self._telling: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """What an account's ``base_url`` is to be."""
        return f"http://127.0.0.1:{self.port}"

    @abstractmethod
    def routes(self, router: web.UrlDispatcher) -> None:
        """Add what the provider answers."""

    @abstractmethod
    def ledger(self) -> list[Mapping[str, object]]:
        """What was taken, first to last, as JSON may hold it."""

    @abstractmethod
    def forget(self) -> None:
        """Empty the ledger."""

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[_no_browser], client_max_size=_MOST)
        app.router.add_get("/_fake/messages", self._ledger)
        app.router.add_delete("/_fake/messages", self._forget)
        app.router.add_put("/_fake/faults", self._misbehave)
        self.routes(app.router)
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

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Call back: post *body* to *url*; the HTTP status of the answer."""
        async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
            return answer.status

    def later(self, telling: Coroutine[Any, Any, None]) -> None:
        """Let *telling* run beside what is answered now; it ends with the fake."""
        task = asyncio.create_task(_quietly(telling))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _ledger(self, _: web.Request) -> web.Response:
        return web.json_response(self.ledger())

    async def _forget(self, _: web.Request) -> web.Response:
        self.forget()
        return web.Response(status=204)

    async def _misbehave(self, request: web.Request) -> web.Response:
        try:
            told = json.loads(await request.text())
            self.faults.replace(told.get("faults", []), told.get("lasting"))
        except (ValueError, TypeError, AttributeError) as error:
            return web.Response(status=422, text=f"{error}\n")
        return web.Response(status=204)


async def _quietly(telling: Coroutine[Any, Any, None]) -> None:
    try:
        await telling
    except (aiohttp.ClientError, TimeoutError):
        return  # nobody is there; providers give up, too


@web.middleware
async def _no_browser(request: web.Request, handler: object) -> web.StreamResponse:
    """Keep pages of other websites from sending commands through somebody's browser."""
    if "origin" in request.headers:
        return web.Response(status=403)
    return await handler(request)  # type: ignore[operator, no-any-return]
