"""Progress as server-sent events: ``progress`` whenever something changed, ``end`` when nothing will any more."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import orjson
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from clarion import clock
from clarion.api import progress, watch
from clarion.api.operation import JSON_OPTIONS
from clarion.api.services import Services

#: How often something is said even when nothing changed, so that proxies keep the connection.
HEARTBEAT_S: Final = 15.0
#: A stream ends after this long: the client comes again by itself, and its key is looked at again.
LONGEST_S: Final = 15 * 60.0


def stream(services: Services, first: dict[str, Any], load: watch.Load, ended: Callable[[], None]) -> Response:
    """A stream that begins with *first* and goes on with what *load* says, until it has ended.

    *ended* is called when nobody hears it any more, whatever the reason.
    """
    return _Stream(_events(services, first, load), ended)


class _Stream(StreamingResponse):
    def __init__(self, events: AsyncIterator[bytes], ended: Callable[[], None]) -> None:
        super().__init__(
            events,
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:  # also when the client left before the first event
            self._ended()


async def _events(services: Services, shown: dict[str, Any], load: watch.Load) -> AsyncIterator[bytes]:
    said_at = clock.monotonic()
    yield b"retry: 1000\n" + _event("progress", shown)
    async for now_shown in watch.looks(services, shown, load, for_s=LONGEST_S):
        if _without_pace(now_shown) != _without_pace(shown):
            shown, said_at = now_shown, clock.monotonic()
            yield _event("progress", shown)
        elif clock.monotonic() - said_at > HEARTBEAT_S:
            said_at = clock.monotonic()
            yield b": still here\n\n"
    if progress.has_ended(shown):
        yield _event("end", shown)


def _event(name: str, shown: dict[str, Any]) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + orjson.dumps(shown, option=JSON_OPTIONS) + b"\n\n"


def _without_pace(shown: dict[str, Any]) -> dict[str, Any]:
    """What it is when time alone has passed."""
    return shown | {"rate_per_s": None, "eta_s": None}
