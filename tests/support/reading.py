"""Reading a source from aside, so that a test can look at what has come."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Self

from tests.support.wait import wait_until

from clarion.brokers.base import Delivery, Disconnected, Source


class Reading:
    """Opens *source* and collects what it hands over while the ``async with`` lasts; closes it then."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.all: list[Delivery] = []
        self.batches: list[int] = []
        #: Why it ended, if the broker ended it.
        self.ended: Disconnected | None = None

    async def __aenter__(self) -> Self:
        await self.source.open()
        self._task = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.source.close()
        with suppress(asyncio.CancelledError):
            self._task.cancel()
            await self._task

    async def first(self, count: int, timeout: float = 30.0) -> Sequence[Delivery]:
        """The first *count* deliveries, when they are there."""
        await wait_until(lambda: self._enough(count), timeout, f"{count} deliveries of {self.source.name}")
        return self.all[:count]

    async def until_lost(self, timeout: float = 30.0) -> None:
        """Wait until the source has raised `Disconnected`."""
        await wait_until(lambda: self.ended, timeout, f"{self.source.name} notices that it is cut off")

    @property
    def bodies(self) -> list[bytes]:
        return [delivery.body for delivery in self.all]

    def _enough(self, count: int) -> bool:
        assert self.ended is None, f"it ended after {len(self.all)} of {count}: {self.ended}"
        if self._task.done():
            self._task.result()
        return len(self.all) >= count

    async def _read(self) -> None:
        try:
            async for batch in self.source.batches():
                self.all += batch
                self.batches.append(len(batch))
        except Disconnected as error:
            self.ended = error
