"""Progress as server-sent events: ``progress`` whenever something changed, ``end`` when nothing will any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import asyncpg
import orjson
from starlette.responses import Response, StreamingResponse

from clarion import clock
from clarion.api import progress
from clarion.api.operation import JSON_OPTIONS
from clarion.api.services import Services
from clarion.errors import NotFound

#: How often the database is asked.
EVERY_S: Final = 0.5
#: How often something is said even when nothing changed, so that proxies keep the connection.
HEARTBEAT_S: Final = 15.0
#: A stream ends after this long: the client comes again by itself, and its key is looked at again.
LONGEST_S: Final = 15 * 60.0


def stream(services: Services, first: dict[str, Any], load: Callable[[], Awaitable[dict[str, Any]]]) -> Response:
    """A stream that begins with *first* and goes on with what *load* says, until it has ended."""
    return StreamingResponse(
        _events(services, first, load),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _events(
    services: Services, shown: dict[str, Any], load: Callable[[], Awaitable[dict[str, Any]]]
) -> AsyncIterator[bytes]:
    began = said_at = clock.monotonic()
    yield b"retry: 1000\n" + _event("progress", shown)
    while not progress.has_ended(shown):
        if await _is_closing(services) or clock.monotonic() - began > LONGEST_S:
            return
        try:
            now_shown = await load()
        except NotFound:  # retention took it meanwhile
            return
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            now_shown = shown  # the database is away for a moment: say nothing new
        if _without_pace(now_shown) != _without_pace(shown):
            shown, said_at = now_shown, clock.monotonic()
            yield _event("progress", shown)
        elif clock.monotonic() - said_at > HEARTBEAT_S:
            said_at = clock.monotonic()
            yield b": still here\n\n"
    yield _event("end", shown)


async def _is_closing(services: Services) -> bool:
    """Wait for the next look, or less when the process is about to stop."""
    try:
        async with asyncio.timeout(EVERY_S):
            return await services.closing.wait()
    except TimeoutError:
        return False


def _event(name: str, shown: dict[str, Any]) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + orjson.dumps(shown, option=JSON_OPTIONS) + b"\n\n"


def _without_pace(shown: dict[str, Any]) -> dict[str, Any]:
    """What it is when time alone has passed."""
    return shown | {"rate_per_s": None, "eta_s": None}
