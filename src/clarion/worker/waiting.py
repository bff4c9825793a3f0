"""Waiting for what may be cut short, and for pauses that grow."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Iterator
from datetime import timedelta
from typing import TypeVar

T = TypeVar("T")


async def wait(stopping: asyncio.Event, pause: timedelta) -> bool:
    """Wait for *pause*, or until *stopping* is set; whether it is."""
    try:
        async with asyncio.timeout(pause.total_seconds()):
            await stopping.wait()
    except TimeoutError:
        return False
    return True


async def unless(stopping: asyncio.Event, work: Awaitable[T]) -> T | None:
    """What *work* answers; None when *stopping* was set before it was done: then it was cancelled and has ended."""
    working = asyncio.ensure_future(work)
    waiting = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait([working, waiting], return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        return None
    finally:
        for task in (working, waiting):
            task.cancel()
        await asyncio.gather(working, waiting, return_exceptions=True)


def pauses(first: timedelta, longest: timedelta) -> Iterator[timedelta]:
    """Without end: each about twice the one before it, with jitter, none longer than *longest*."""
    pause = first
    while True:
        yield pause * random.uniform(0.5, 1.0)  # noqa: S311
        pause = min(pause * 2, longest)
