"""What runs every so often: each with a `run_once` that tests and commands call too."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import structlog

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Periodic:
    """A small duty of the background. A failure is logged, and the next turn tries again."""

    name: str
    every: timedelta
    run_once: Callable[[], Awaitable[object]]

    async def run(self, stopping: asyncio.Event) -> None:
        """Run at once and then every so often, with jitter, until *stopping* is set."""
        while not stopping.is_set():
            try:
                await self.run_once()
            except Exception as error:
                log.warning("worker.duty_failed", duty=self.name, error=repr(error))
            pause = self.every.total_seconds() * random.uniform(0.8, 1.2)  # noqa: S311
            try:
                async with asyncio.timeout(pause):
                    await stopping.wait()
            except TimeoutError:
                continue
