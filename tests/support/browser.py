"""A real browser, for pages that people see: Chromium where it is installed, told what to do over its own protocol."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from tests.support import memory
from tests.support.wait import wait_until

_NAMES = ("chromium", "chromium-browser", "google-chrome")


def browser_program() -> str | None:
    """Where a browser is, if there is one."""
    return next((found for name in _NAMES if (found := shutil.which(name))), None)


class Page:
    """One open page."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0
        #: What the page wrote to its console, and what the browser refused to do for it.
        self.complaints: list[str] = []

    async def call(self, method: str, **params: Any) -> Any:
        """What the browser answers to one command of its protocol."""
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": params})
        async with asyncio.timeout(20):
            while True:
                said = await self._socket.receive_json()
                if said.get("method") in ("Log.entryAdded", "Runtime.consoleAPICalled"):
                    self.complaints.append(str(said["params"]))
                if said.get("id") == self._number:
                    assert "error" not in said, said
                    return said["result"]

    async def script(self, text: str) -> Any:
        """What a script comes to, run as a person's tools would: the page's own policy does not hold for it."""
        return (await self.call("Runtime.evaluate", expression=text))["result"].get("value")

    async def go(self, url: str) -> None:
        """Open *url*, whole."""
        await self.call("Page.navigate", url=url)
        await self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    async def until(self, text: str) -> None:
        """Wait until a script comes to true."""

        async def true() -> bool:
            return bool(await self.script(text))

        await wait_until(true, 20, text)


@asynccontextmanager
async def open_page(language: str = "en") -> AsyncIterator[Page]:
    """A page of a browser that speaks *language*, alone in a profile of its own."""
    program = browser_program()
    assert program is not None
    with memory.folder("clarion-browser-") as folder:
        switches = ("--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", "--no-first-run")
        process = await asyncio.create_subprocess_exec(
            *(program, *switches, f"--accept-lang={language}", f"--user-data-dir={folder}", "about:blank"),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with aiohttp.ClientSession() as session:
                address = await _address(Path(folder), session)
                async with session.ws_connect(address) as socket:
                    page = Page(socket)
                    for domain in ("Page", "Log", "Runtime"):
                        await page.call(f"{domain}.enable")
                    yield page
        finally:
            process.terminate()
            await process.wait()


async def _address(folder: Path, session: aiohttp.ClientSession) -> str:
    """Where its page is spoken to."""
    file = folder / "DevToolsActivePort"

    async def port() -> str | None:
        found = re.match(r"\d+", file.read_text()) if file.exists() else None
        return found[0] if found else None

    number = await wait_until(port, 30, "the browser listens")

    async def page() -> str | None:
        async with session.get(f"http://127.0.0.1:{number}/json") as answer:
            tabs = [one for one in await answer.json() if one["type"] == "page"]
        return tabs[0]["webSocketDebuggerUrl"] if tabs else None

    found: str = await wait_until(page, 20, "the browser has a page")
    return found
