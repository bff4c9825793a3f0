"""A local push service for browsers, and the browsers: it takes messages as Web Push has them, and they decrypt them.

Written from RFC 8030, RFC 8188, RFC 8291 and RFC 8292 as of November 2026; its errors are Mozilla's
(https://mozilla-push-service.readthedocs.io/en/latest/http.html). In the tests `pywebpush` 2 passes against it.

commands beside those of `clarion.dev.fakes.serving`
------------------------------------------------------------------------------------------------
POST   /_fake/subscriptions  ``{"key": "B…"}``: a new browser subscribes for that key; its subscription
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from aiohttp import web

from clarion.dev.fakes.serving import Fake
from clarion.dev.fakes.webpush_browser import Browser, Garbled
from clarion.dev.fakes.webpush_rules import Refusal, refusal_of, sender_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """A message that was taken: by it the provider and Clarion's database are compared."""

    #: What `Location` said.
    id: str
    browser: str
    headers: Mapping[str, str]
    #: As the browser has decrypted it.
    message: object = field(repr=False)


class WebPushFake(Fake):
    """One push service, and the browsers that have subscribed at it."""

    def __init__(self, *, port: int = 0) -> None:
        super().__init__(port=port)
        self.taken: list[Pushed] = []
        self.browsers: dict[str, Browser] = {}
        #: Browsers that have unsubscribed.
        self.gone: set[str] = set()

    def subscribe(self, key: str) -> str:
        """A new browser's subscription for *key* (``applicationServerKey``), as its JSON."""
        id = secrets.token_urlsafe(24)
        browser = self.browsers[id] = Browser(key)
        return json.dumps(browser.subscription(f"{self.url}/push/{id}"))

    def browser_of(self, id: str) -> Browser | None:
        """The browser that has subscribed under this id."""
        return self.browsers.get(id)

    def note(self, pushed: Pushed) -> None:
        """A message was taken."""
        self.taken.append(pushed)

    def routes(self, router: web.UrlDispatcher) -> None:
        router.add_post("/push/{id}", self._push)
        router.add_post("/_fake/subscriptions", self._subscribe)

    def ledger(self) -> list[Mapping[str, object]]:
        return [asdict(message) for message in self.taken]

    def forget(self) -> None:
        self.taken.clear()

    async def _push(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        body = await request.read()

        async def take() -> web.Response:
            return self._take(request, body)

        return await self.faults.handle(request, take)

    def _take(self, request: web.Request, body: bytes) -> web.Response:
        id = request.match_info["id"]
        headers = {name.lower(): value for name, value in request.headers.items()}
        key = sender_of(headers.get("authorization", ""), self.url)
        browser = self.browser_of(id)
        refusal = refusal_of(headers, body, key, browser.key if browser else None, gone=id in self.gone)
        if refusal is not None:
            return _answer(refusal)
        assert browser is not None
        try:
            message = browser.decrypt(body)
        except Garbled as error:  # no push service could know: but whoever is tried here should
            return _answer(Refusal(400, 101, f"the browser cannot read it: {error}"))
        name = f"{self.url}/m/{secrets.token_urlsafe(24)}"
        told: dict[str, str] = {name: headers[name] for name in ("ttl", "urgency", "topic") if name in headers}
        self.note(Pushed(id=name, browser=id, headers=told, message=message))
        return web.Response(status=201, headers={"location": name, "ttl": headers["ttl"]})

    async def _subscribe(self, request: web.Request) -> web.Response:
        try:
            key = json.loads(await request.text())["key"]
            return web.Response(text=self.subscribe(str(key)), content_type="application/json")
        except (ValueError, TypeError, KeyError) as error:
            return web.Response(status=422, text=f"{error}\n")


def _answer(refusal: Refusal) -> web.Response:
    return web.json_response(refusal.body(), status=refusal.http)
