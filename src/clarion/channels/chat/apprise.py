"""Chat messages through the library Apprise (2.3), which knows many services that have no provider here.

Apprise blocks while it sends: each message has a thread, no more of them than the account has connections, and a
deadline. What has not ended by then may have been taken; its thread is left to itself, and keeps its place till then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from threading import Thread

from clarion.channels.account import Account
from clarion.channels.base import Chat, Provider
from clarion.domain.outcome import Outcome, Reject, Retry, Uncertain
from clarion.http.outcome import BUSY

_DEADLINE = timedelta(seconds=60)


class Apprise(Provider[Chat]):
    """One address of Apprise's."""

    def __init__(self, account: Account, *, deadline: timedelta = _DEADLINE) -> None:
        """*deadline* is how long a message waits for a place, and then for its end."""
        self.name = account.label
        #: The address is a secret: so it stands in no attribute, which somebody might print.
        self._url: Callable[[], str] = lambda: account["url"]
        self._deadline = deadline.total_seconds()
        self._places = asyncio.Semaphore(int(account["connections"]))

    async def send(self, items: Sequence[Chat]) -> list[Outcome]:
        return list(await asyncio.gather(*(self._send(item) for item in items)))

    async def close(self) -> None:
        return None  # each call had a session of its own

    async def _send(self, item: Chat) -> Outcome:
        if item.to:
            return Reject(f"{self.name} has one room, its own", code="destination_refused")
        try:
            async with asyncio.timeout(self._deadline):
                await self._places.acquire()
        except TimeoutError:
            return Retry("all its places are taken by calls that do not end", after=BUSY, pause_provider=True)
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[Outcome] = loop.create_future()
        ended.add_done_callback(lambda _: self._places.release())
        # A daemon: a service that never answers must not keep the process from ending.
        Thread(target=self._run, args=(item, loop, ended), name=self.name, daemon=True).start()
        try:
            async with asyncio.timeout(self._deadline):
                return await asyncio.shield(ended)
        except TimeoutError:
            return Uncertain(f"no end within {self._deadline:g} s")

    def _run(self, item: Chat, loop: asyncio.AbstractEventLoop, ended: asyncio.Future[Outcome]) -> None:
        from clarion.channels.chat.apprise_call import notify

        outcome = notify(self._url(), item.content)
        with suppress(RuntimeError):  # the loop is closed: nobody waits for it any more
            loop.call_soon_threadsafe(_end, ended, outcome)


def _end(ended: asyncio.Future[Outcome], outcome: Outcome) -> None:
    if not ended.done():
        ended.set_result(outcome)
