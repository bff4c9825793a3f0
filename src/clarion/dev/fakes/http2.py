"""A server that speaks HTTP/2 for fakes of providers that do, and misbehaves as it is told. Frames are `h2`'s."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self, cast

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, DataReceived, RequestReceived, StreamEnded, StreamReset
from h2.exceptions import H2Error
from h2.settings import SettingCodes, Settings

from clarion.dev.fakes.faults import Fault, Faults, How, gzip_bomb

#: Streams at once, on one connection; and how large a frame may be.
STREAMS, _FRAME = 100, 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request, whole."""

    method: str
    path: str
    #: Names in lower case.
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """An answer, whole."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Http2Server:
    """Listens on 127.0.0.1 while the ``async with`` lasts, and answers by *take*."""

    def __init__(
        self, take: Callable[[Asked], Answered], faults: Faults, *, port: int = 0, tls: ssl.SSLContext | None = None
    ) -> None:
        self.port = port
        self.faults = faults
        self.take = take
        self.connections: set[_Connection] = set()
        #: All there ever were.
        self.opened = 0
        self._tls = tls

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", self.port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for connection in list(self.connections):
            connection.end()
        await self._server.wait_closed()


class _Connection(asyncio.Protocol):
    def __init__(self, server: Http2Server) -> None:
        self._server = server
        self._h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self._asked: dict[int, tuple[dict[str, str], bytearray]] = {}
        self._answering: dict[int, asyncio.Task[None]] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are none by inheritance
        self._server.connections.add(self)
        self._server.opened += 1
        values = {SettingCodes.MAX_CONCURRENT_STREAMS: STREAMS, SettingCodes.MAX_FRAME_SIZE: _FRAME}
        self._h2.local_settings = Settings(client=False, initial_values=values)
        self._h2.initiate_connection()
        self._flush()

    def data_received(self, data: bytes) -> None:
        try:
            for event in self._h2.receive_data(data):
                self._on(event)
        except H2Error:
            self.end()
        self._flush()

    def connection_lost(self, _: Exception | None) -> None:
        self._server.connections.discard(self)
        for task in self._answering.values():
            task.cancel()

    def end(self) -> None:
        """Let go of it at once."""
        for task in self._answering.values():
            task.cancel()
        self._transport.abort()

    def _on(self, event: object) -> None:
        match event:
            case RequestReceived(stream_id=int(id), headers=list(headers)):
                self._asked[id] = ({str(name): str(text) for name, text in headers}, bytearray())
            case DataReceived(stream_id=int(id), data=bytes(data)):
                self._asked[id][1].extend(data)
                self._h2.acknowledge_received_data(event.flow_controlled_length or 0, id)
            case StreamEnded(stream_id=int(id)):
                named, body = self._asked.pop(id)
                asked = Asked(method=named[":method"], path=named[":path"], headers=named, body=bytes(body))
                task = self._answering[id] = asyncio.get_running_loop().create_task(self._answer(id, asked))
                task.add_done_callback(lambda _: self._answering.pop(id, None))
            case StreamReset(stream_id=int(id)):
                self._asked.pop(id, None)
                if id in self._answering:
                    self._answering[id].cancel()
            case ConnectionTerminated():
                self._transport.close()
            case _:
                pass

    async def _answer(self, id: int, asked: Asked) -> None:
        with suppress(H2Error):  # it is gone meanwhile
            fault = self._server.faults.next()
            if fault is None:
                await self._write(id, self._server.take(asked))
                return
            await asyncio.sleep(fault.delay_s)
            if fault.how in (How.LATE, How.GO_AWAY):
                answer = self._server.take(asked)
                if fault.how is How.GO_AWAY:
                    self._go_away(id)
                    await asyncio.sleep(0)
                await self._write(id, answer)
                return
            if fault.taken:
                self._server.take(asked)
            await self._misbehave(id, fault)

    async def _misbehave(self, id: int, fault: Fault) -> None:
        match fault.how:
            case How.RESET:
                end = self._transport.get_extra_info("socket")
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self._transport.abort()
            case How.CLOSE:
                self._transport.close()
            case How.HANG:
                await asyncio.Event().wait()
            case How.REFUSE | How.CANCEL:
                code = ErrorCodes.REFUSED_STREAM if fault.how is How.REFUSE else ErrorCodes.INTERNAL_ERROR
                self._h2.reset_stream(id, code)
                self._flush()
            case How.GO_AWAY_UNHEARD:
                self._go_away(max(id - 2, 0))
                self._transport.close()
            case How.DRIP | How.ENDLESS | How.HUGE:
                await self._stream(id, fault)
            case How.GZIP_BOMB:
                headers = {"content-encoding": "gzip"}
                await self._write(id, Answered(status=fault.status, headers=headers, body=gzip_bomb()))
            case _:
                body = fault.body.encode()
                await self._write(id, Answered(status=fault.status, headers=fault.headers, body=body))

    def _go_away(self, last: int) -> None:
        """As a server does that is about to stop. Written by hand: `h2` says nothing more behind such a frame."""
        said = b'{"reason": "Shutdown"}'
        self._transport.write(
            struct.pack("!I", 8 + len(said))[1:] + b"\x07\x00" + struct.pack("!III", 0, last, 0) + said
        )

    async def _write(self, id: int, answer: Answered) -> None:
        headers = [(":status", str(answer.status)), *answer.headers.items(), ("content-length", str(len(answer.body)))]
        self._h2.send_headers(id, headers, end_stream=not answer.body)
        body = answer.body
        while body:
            room = min(self._h2.local_flow_control_window(id), _FRAME)
            piece, body = body[:room], body[room:]
            if piece:
                self._h2.send_data(id, piece, end_stream=not body)
            self._flush()
            if body:
                await asyncio.sleep(0.001)
        self._flush()

    async def _stream(self, id: int, fault: Fault) -> None:
        """Send pieces until the client has had enough."""
        piece = b"x" if fault.how is How.DRIP else bytes(8_192)
        self._h2.send_headers(id, [(":status", str(fault.status)), *fault.headers.items()])
        while True:
            if self._h2.local_flow_control_window(id) >= len(piece):
                self._h2.send_data(id, piece)
            self._flush()
            await asyncio.sleep(0.01 if fault.how is How.DRIP else 0)

    def _flush(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(self._h2.data_to_send())
