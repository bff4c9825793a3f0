"""Listening: uvicorn, with the limits that must hold before there is a request to speak of."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import uuid
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from clarion.api import problem
from clarion.api.problem import Refusal

#: How long a connection may take to say its first request's headers, or the rest of any headers it began.
HEADERS_TIMEOUT_S: Final = 15.0
#: A client that takes nothing of what is sent to it for so long is cut off, and so is one that is gone without a word:
#: it would hold its place among streams for ever.
STALLED_S: float = 120.0
#: Bytes read while headers are still incomplete; the exact limit is checked when they are.
_UNFINISHED_HEADERS: Final = 64 * 1024


class ApiServer:
    """Serves *app* on *host* and *port* (0 takes a free one; see `port`) until `stop`.

    *closing* (`Services.closing`) is set by `stop`, for answers that go on for as long as somebody listens.
    """

    def __init__(self, app: ASGIApp, *, host: str, port: int, closing: asyncio.Event, drain_s: float = 10.0) -> None:
        self._closing = closing
        self._socket = _listen(host, port)
        self.port: int = self._socket.getsockname()[1]
        #: Set once connections are accepted.
        self.listening = asyncio.Event()
        config = uvicorn.Config(
            app,
            http=Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=int(drain_s),
        )
        self._server = _Server(config, self.listening)

    async def run(self) -> None:
        """Serve; returns when `stop` was called and the requests in progress were answered or took too long."""
        await self._server.serve(sockets=[self._socket])

    def stop(self) -> None:
        """Accept no more and finish. May be called more than once."""
        self._closing.set()
        self._server.should_exit = True


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, listening: asyncio.Event) -> None:
        super().__init__(config)
        self._listening = listening

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to whoever started us."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._listening.set()


class Protocol(HttpToolsProtocol):
    """uvicorn's protocol with an end to headers that never end, and problem documents for what is not HTTP."""

    _waiting: asyncio.TimerHandle | None = None
    _in_headers = True
    _header_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._in_headers:
            self._header_bytes += len(data)
        super().data_received(data)
        if not self._in_headers or self.transport.is_closing():
            self._header_bytes = 0
            return
        if self._header_bytes > _UNFINISHED_HEADERS:
            self._say_goodbye(Refusal(431, "headers_too_large", "the headers of this request do not end"))
        elif self._waiting is None:
            self._wait()

    def on_message_begin(self) -> None:
        self._in_headers = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_headers = False
        self._header_bytes = 0
        self._stop_waiting()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        self._say_goodbye(Refusal(400, "invalid_http", "this is not a valid HTTP/1.1 request"))

    def _wait(self) -> None:
        self._waiting = self.loop.call_later(HEADERS_TIMEOUT_S, self._waited)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _waited(self) -> None:
        self._waiting = None
        if not self.transport.is_closing():
            self._say_goodbye(Refusal(408, "too_slow", "the headers of this request did not arrive in time"))

    def _say_goodbye(self, refusal: Refusal) -> None:
        """Answer and close; without an answer where it would end up in the middle of, or in place of, another."""
        cycle: Any = self.cycle
        if cycle is None or cycle.response_complete or not (self._in_headers or cycle.response_started):
            request_id = f"req_{uuid.uuid4().hex}"
            body = problem.document(refusal, status=refusal.status, instance="", request_id=request_id)
            head = (
                f"HTTP/1.1 {refusal.status} {HTTPStatus(refusal.status).phrase}\r\n"
                f"content-type: {problem.MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\n"
                f"x-request-id: {request_id}\r\nconnection: close\r\n\r\n"
            )
            self.transport.write(head.encode() + body)
        self.transport.close()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=2048)
    listener.setblocking(False)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; what is accepted has it from the listener
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(STALLED_S * 1000))
    return listener
