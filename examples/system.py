"""Clarion in an example: `clarion up` as anybody runs it, seen from outside."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import aiohttp
import psutil
from tests.support.clock import pass_time_for_jobs
from tests.support.command import Ended, Program, Up, clarion
from tests.support.wait import wait_until

from clarion.app import open_database
from clarion.config import load_settings
from clarion.store.database import open_pool
from examples.peer import Broken

#: What one page of the API, and of the catcher, has at most.
_PAGE = 100


class Clarion:
    """`clarion up` on a project folder, with a mail catcher of its own, which outlives what is killed.

    A ``CLARION_SMTP_URL`` among the settings takes the mails instead.
    """

    def __init__(self, project: Path, folder: Path, settings: Mapping[str, str], *more: object) -> None:
        """*folder* has its data and its words; *settings* are its environment; *more* follows `clarion up`."""
        self.project = project
        self.data = folder / "data"
        self._folder = folder
        self._settings = {"CLARION_WORKER_LEASE": "2s", "CLARION_LOG_LEVEL": "warning", **settings}
        self._more = more
        self._up: Up | None = None
        self._ups = 0
        self.catcher = ""

    async def __aenter__(self) -> Self:
        self._folder.mkdir(parents=True)
        caught = self._folder / "catcher"
        caught.mkdir()
        self._catcher = Program(caught, "catcher", "--project", self.project, "--data-dir", caught)
        self._session = aiohttp.ClientSession()
        await self._catcher.__aenter__()
        try:
            self.catcher = await self._catcher.says(r"shown at (\S+)")
            self._settings.setdefault("CLARION_SMTP_URL", await self._catcher.says(r"Mail to (\S+)"))
            await self.start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()
        try:
            if self._up is not None:
                await self._up.__aexit__(None, None, None)
        finally:
            await self._catcher.__aexit__(None, None, None)

    async def start(self) -> None:
        """Start it (again): the same data, another port."""
        self._ups += 1
        words = self._folder / f"up-{self._ups}"
        words.mkdir()
        self._up = Up(words, *("--project", self.project, "--data-dir", self.data, *self._more), **self._settings)
        await self._up.__aenter__()

    @property
    def up(self) -> Up:
        """The running command."""
        assert self._up is not None
        return self._up

    @property
    def address(self) -> str:
        """Where the API is."""
        return self.up.address

    @property
    def key(self) -> str:
        """The API key."""
        return self.up.key

    async def stop(self) -> None:
        """Stop it in order."""
        await self.up.stop()

    async def kill(self) -> None:
        """End all of it at once, the database too, as when the machine loses its power (kill -9)."""
        family = self.up.children()
        self.up.signal(signal.SIGKILL)
        for one in family:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        await self.up.wait()
        await self.up.is_gone()

    def kill_worker(self) -> None:
        """End the worker at once (kill -9); `clarion up` starts another."""
        self.up.child("worker").kill()

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """Ask the API; the status and the JSON of the answer. *path* begins with ``/v1/``."""
        sent = {"Authorization": f"Bearer {self.key}", **{k.replace("_", "-"): v for k, v in headers.items()}}
        async with self._session.request(method, self.address + path, json=body, headers=sent) as answer:
            return answer.status, await answer.json(content_type=None)

    async def get(self, path: str) -> Any:
        """What the API answers to a GET. Raises `Broken` where that is an error."""
        return await self._good("GET", path)

    async def post(self, path: str, body: Any = None, **headers: str) -> Any:
        """What the API answers to a POST. Raises `Broken` where that is an error."""
        return await self._good("POST", path, body, **headers)

    async def items(self, path: str) -> AsyncIterator[dict[str, Any]]:
        """All items of a list of the API, such as ``/v1/messages?status=sent``, page by page."""
        after = ""
        joined = "&" if "?" in path else "?"
        while True:
            page = await self.get(f"{path}{joined}limit={_PAGE}{after}")
            for item in page["items"]:
                yield item
            if not page.get("next"):
                return
            after = f"&after={page['next']}"

    async def _good(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        status, answer = await self.call(method, path, body, **headers)
        if status >= 400:
            raise Broken(f"{method} {path} was answered {status}: {answer}")
        return answer

    async def run(self, *arguments: object) -> Ended:
        """Run a `clarion` command on this project and its data, to its end."""
        where = ("--project", self.project, "--data-dir", self.data)
        return await clarion(*arguments, *where, settings=self._settings)

    async def broken(self) -> list[str]:
        """Promises that `clarion verify` finds broken."""
        ended = await self.run("verify")
        return [] if ended.code == 0 else [f"clarion verify: {ended.out} {ended.err}".strip()]

    async def pass_time(self, by: timedelta) -> None:
        """Let *by* pass at once for all jobs that wait for their time."""
        settings = load_settings({"project": self.project, "data_dir": self.data}, {})
        async with open_database(settings) as url:
            pool = await open_pool(url, size=1, statement_timeout_s=30, application_name="the example")
            async with pool:
                await pass_time_for_jobs(pool, by)

    async def caught(self) -> dict[str, int]:
        """How many mails the catcher has: ``received``, ``distinct_message_ids``, ``distinct_recipients``."""
        counts: dict[str, int] = await self._mailbox("/api/counts")
        return counts

    async def until_caught(self, count: int, timeout: float = 120.0) -> None:
        """Wait until the catcher has at least *count* mails."""

        async def so() -> bool:
            return (await self.caught())["received"] >= count

        try:
            await wait_until(so, timeout, f"{count} mails are caught")
        except AssertionError as error:
            raise Broken(f"{error}: {await self.caught()}; {self.up.err[-2000:]}") from None

    async def mails(self) -> AsyncIterator[dict[str, Any]]:
        """What the catcher knows of each mail, the newest first."""
        before = ""
        while True:
            page = await self._mailbox(f"/api/mails?limit={_PAGE}{before}")
            for mail in page["mails"]:
                yield mail
            if page["next"] is None:
                return
            before = f"&before={page['next']}"

    async def mail(self, id: int) -> dict[str, Any]:
        """One mail, taken apart."""
        mail: dict[str, Any] = await self._mailbox(f"/api/mails/{id}")
        return mail

    async def _mailbox(self, path: str) -> Any:
        async with self._session.get(self.catcher + path) as answer:
            return await answer.json()


async def until(condition: Any, what: str, timeout: float = 120.0) -> Any:
    """Ask *condition* until its answer is true; that answer. Raises `Broken` naming *what*."""
    try:
        return await wait_until(condition, timeout, what)
    except AssertionError as error:
        raise Broken(str(error)) from None


def now() -> float:
    """Seconds on a clock that only goes forward."""
    return asyncio.get_running_loop().time()
