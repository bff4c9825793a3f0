"""How a provider misbehaves: what a fake does instead of answering as it should, on command."""

from __future__ import annotations

import asyncio
import gzip
import socket
import struct
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache

from aiohttp import web

Handler = Callable[[], Awaitable[web.StreamResponse]]


class How(StrEnum):
    """What is done with a request."""

    LATE = "late"  #: answered as it should be, after the delay
    ANSWER = "answer"  #: answered with the status, headers and body given
    RESET = "reset"  #: the connection is reset (RST)
    CLOSE = "close"  #: the connection is closed (FIN) without an answer
    HANG = "hang"  #: never answered
    DRIP = "drip"  #: answered with a body that comes a byte at a time and never ends
    ENDLESS = "endless"  #: answered with chunks without end
    HUGE = "huge"  #: answered with a body of a thousand million bytes
    GZIP_BOMB = "gzip_bomb"  #: answered with few bytes that unpack to very many
    REFUSE = "refuse"  #: HTTP/2 alone: the stream is refused, as not begun
    CANCEL = "cancel"  #: HTTP/2 alone: the stream is reset
    GO_AWAY = "go_away"  #: HTTP/2 alone: the connection takes no more, this one is answered all the same
    GO_AWAY_UNHEARD = "go_away_unheard"  #: HTTP/2 alone: the same, and this one was not begun


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing to go wrong, for one request."""

    how: How
    #: Whether the provider takes the message first: then it was sent, and nobody is told.
    taken: bool = False
    delay_s: float = 0.0
    #: Of the answer, where there is one.
    status: int = 500
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""


class Faults:
    """The faults that are still to come, first to last; `lasting` comes whenever there are none."""

    def __init__(self) -> None:
        self._queue: deque[Fault] = deque()
        self.lasting: Fault | None = None

    def add(self, *faults: Fault) -> None:
        """One for each of the next requests."""
        self._queue.extend(faults)

    @property
    def left(self) -> int:
        """How many are still to come."""
        return len(self._queue)

    def clear(self) -> None:
        self._queue.clear()
        self.lasting = None

    def replace(self, given: Sequence[Mapping[str, object]], lasting: Mapping[str, object] | None) -> None:
        """Those that a command describes, instead of all there were. Raises ValueError, TypeError for what is none."""
        faults = [_read(one) for one in given]
        always = None if lasting is None else _read(lasting)
        self.clear()
        self.add(*faults)
        self.lasting = always

    def next(self) -> Fault | None:
        """What goes wrong with the next request."""
        return self._queue.popleft() if self._queue else self.lasting

    async def handle(self, request: web.Request, take: Handler) -> web.StreamResponse:
        """Answer *request*: by *take*, which does what the provider does, or as the next fault says."""
        fault = self.next()
        if fault is None:
            return await take()
        await asyncio.sleep(fault.delay_s)
        if fault.how is How.LATE:
            return await take()
        if fault.taken:
            await take()
        return await _misbehave(request, fault)


def _read(given: Mapping[str, object]) -> Fault:
    return Fault(**{**given, "how": How(str(given.get("how")))})  # type: ignore[arg-type]


async def _misbehave(request: web.Request, fault: Fault) -> web.StreamResponse:
    match fault.how:
        case How.RESET | How.CLOSE:
            return _cut(request, reset=fault.how is How.RESET)
        case How.HANG:
            await asyncio.Event().wait()
        case How.DRIP:
            return await _stream(request, fault, b"x", pause_s=0.01)
        case How.ENDLESS:
            return await _stream(request, fault, bytes(65_536))
        case How.HUGE:
            return await _stream(request, fault, bytes(65_536), length=1_000_000_000)
        case How.GZIP_BOMB:
            return web.Response(status=fault.status, body=gzip_bomb(), headers={"content-encoding": "gzip"})
        case _:
            pass
    return web.Response(status=fault.status, headers=fault.headers, body=fault.body.encode())


@cache
def gzip_bomb() -> bytes:
    """Few bytes that unpack to fifty million."""
    return gzip.compress(bytes(50_000_000))


def _cut(request: web.Request, *, reset: bool) -> web.StreamResponse:
    transport = request.transport
    if transport is not None:
        if reset:
            on, seconds = 1, 0
            end = transport.get_extra_info("socket")
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", on, seconds))
        transport.abort()
    return web.Response(status=500)  # nobody is there to read it


async def _stream(
    request: web.Request, fault: Fault, piece: bytes, *, pause_s: float = 0.0, length: int | None = None
) -> web.StreamResponse:
    """Send *piece* again and again until the client has had enough."""
    response = web.StreamResponse(status=fault.status, headers=fault.headers)
    response.content_length = length
    if length is None:
        response.enable_chunked_encoding()
    await response.prepare(request)
    sent = 0
    while length is None or sent < length:
        await response.write(piece)
        sent += len(piece)
        await asyncio.sleep(pause_s)
    return response
