"""Calls that run to their end, whoever stops waiting for them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Calls:
    """Redis does what it was asked to whether or not somebody still waits for the answer: so do these."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    async def whole(self, call: Coroutine[Any, Any, T]) -> T:
        """What *call* gives."""
        task = asyncio.ensure_future(call)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    async def ended(self) -> None:
        """Wait until none runs any more."""
        if self._running:
            await asyncio.wait(self._running)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()
