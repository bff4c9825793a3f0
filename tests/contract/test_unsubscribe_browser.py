"""The page to unsubscribe in a real browser: its own policy lets it look and work as it should."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.support.api import SECRET, Api, open_api
from tests.support.browser import browser_program, open_page

from clarion.domain.unsubscribe import PATH, Link, Links

pytestmark = pytest.mark.skipif(browser_program() is None, reason="there is no Chromium here")


@pytest.fixture
async def api(database: str) -> AsyncIterator[Api]:
    async with open_api(database) as api:
        yield api


async def test_a_person_looks_and_then_presses_the_button(api: Api) -> None:
    link = Link(tenant_id=api.tenants["one"], channel="email", address="ann@example.com", category="news")
    count = "SELECT count(*) FROM suppression"
    async with open_page("de") as page:
        await page.go(f"http://127.0.0.1:{api.port}{PATH}/{Links(SECRET).token(link)}")
        assert await page.script("document.documentElement.lang") == "de"
        assert "a…@example.com" in str(await page.script("document.body.innerText"))
        color = await page.script("getComputedStyle(document.querySelector('button')).backgroundColor")
        assert color == "rgb(29, 78, 216)", "its style is let pass by its policy"
        assert await api.pool.fetchval(count) == 0, "to look changes nothing"
        await page.script("document.querySelector('button').click()")
        await page.until("document.querySelector('[role=status]') !== null")
        assert "abgemeldet" in str(await page.script("document.body.innerText"))
        assert await api.pool.fetchval(count) == 1
        assert await page.script("document.cookie") == ""
        refused = [one for one in page.complaints if "favicon" not in one]
        assert refused == []
