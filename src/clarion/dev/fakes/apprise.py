"""A local service of Apprise's kind ``json``: it takes what that posts, and hands it on to nobody.

Written from https://github.com/caronc/apprise/wiki/Notify_Custom_JSON as of November 2026. Apprise 2.3 posts to it
in the tests.
"""

from __future__ import annotations

import json

from aiohttp import web

from clarion.dev.fakes.chat_message import Said
from clarion.dev.fakes.chat_serving import ChatFake

PATH = "/apprise"


class AppriseFake(ChatFake):
    """One room."""

    provider = "apprise"
    marks = ()

    def speak(self, router: web.UrlDispatcher) -> None:
        router.add_post(PATH, self._post)

    async def _post(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        body = await request.read()

        async def take() -> web.Response:
            try:
                given = json.loads(body)
                text = "\n".join(str(given[name]) for name in ("title", "message") if given.get(name))
            except (ValueError, AttributeError) as error:
                return web.Response(status=400, text=f"{error}\n")
            id = f"apprise-{self.next_number()}"
            self.taken.append(Said(id=id, provider=self.provider, room="(its own room)", text=text, body=given))
            return web.Response(text="ok")

        return await self.faults.handle(request, take)
