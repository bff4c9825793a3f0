"""A page of another origin that shows a feed live, in a real browser, with the script of the how-to."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from tests.contract.test_api_feed import deliver
from tests.support.api import Api, open_api
from tests.support.browser import browser_program, open_page
from tests.support.docs import page as docs_page

from clarion.api.services import FeedLimits
from clarion.domain.feed_name import feed_name

pytestmark = pytest.mark.skipif(browser_program() is None, reason="there is no Chromium here")

_START = """
const feed = new Feed({clarion}, async () => {token}, (state) => {{ window.state = state; }});
feed.follow();
"""


@asynccontextmanager
async def served() -> AsyncIterator[tuple[str, list[str]]]:
    """A page on an origin of its own, and the script that it will have once there is one."""
    script: list[str] = []

    async def answer(_: web.Request) -> web.Response:
        return web.Response(
            text=f"<!doctype html><title>App</title><script>{script[0]}</script>", content_type="text/html"
        )

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", script
    finally:
        await runner.cleanup()


async def ring(api: Api) -> None:
    api.services.wake(feed_name(api.tenants["one"], "ana"))


async def test_a_page_shows_what_comes_and_what_is_marked(database: str) -> None:
    found = re.search(r"```js\n(.*?)```", docs_page("how-to/follow-feeds.md"), re.DOTALL)
    assert found is not None
    async with served() as (origin, script), open_api(database, feeds=FeedLimits(origins=[origin])) as api:
        await api.call("PUT", "/v1/recipients/ana", {})
        await deliver(api, 1)
        token = (await api.call("POST", "/v1/recipients/ana/feed/tokens", {})).json["token"]
        start = _START.format(clarion=json.dumps(f"http://127.0.0.1:{api.port}"), token=json.dumps(token))
        script.append(found[1] + start)
        async with open_page() as page:
            await page.go(origin)
            await page.until("window.state && state.items.length === 1 && state.unread === 1")
            await deliver(api, 1)
            await ring(api)
            await page.until("state.items.length === 2 && state.items[0].title === 'Item 0'")
            await page.script("feed.mark('archive', [state.items[1].id])")
            await page.until("state.items.length === 1 && state.total === 1")
            await page.script("feed.mark('read', [state.items[0].id])")
            await page.until("state.unread === 0 && state.items[0].read_at !== null")
            refused = [one for one in page.complaints if "favicon" not in one]
            assert refused == []
