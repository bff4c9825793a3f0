"""Looking at a trigger again and again: what its events and ``Prefer: wait`` have in common."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import asyncpg

from clarion import clock
from clarion.api import progress
from clarion.api.services import Services
from clarion.errors import NotFound

#: How often the database is asked.
EVERY_S: Final = 0.5
#: How much longer than asked for a wait may take, for a look that has begun.
_LAST_LOOK_S: Final = 1.0

Load = Callable[[], Awaitable[dict[str, Any]]]


async def looks(
    services: Services, shown: dict[str, Any], load: Load, *, for_s: float
) -> AsyncIterator[dict[str, Any]]:
    """What *load* says at each look, from *shown* on.

    Ends when nothing will change any more, after *for_s* seconds, when the process is about to stop, or when retention
    took the trigger. No connection to the database is held between looks.
    """
    until = clock.monotonic() + for_s
    while not progress.has_ended(shown):
        left = until - clock.monotonic()
        if left <= 0 or await _is_closing(services, min(EVERY_S, left)):
            return
        try:
            shown = await load()
        except NotFound:
            return
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            pass  # the database is away for a moment: say nothing new
        yield shown


async def status_after(services: Services, status: str, load: Load, *, for_s: float) -> str:
    """The status of a trigger that was *status*, when it has ended or *for_s* seconds have passed. Raises nothing."""
    try:
        async with asyncio.timeout(for_s + _LAST_LOOK_S):
            async for shown in looks(services, {"status": status}, load, for_s=for_s):
                status = shown["status"]
    except TimeoutError:
        pass  # as far as is known
    return status


async def _is_closing(services: Services, after_s: float) -> bool:
    """Wait for the next look, or less when the process is about to stop."""
    try:
        async with asyncio.timeout(after_s):
            return await services.closing.wait()
    except TimeoutError:
        return False
