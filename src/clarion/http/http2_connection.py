"""One connection by HTTP/2 (RFC 9113), on which many requests are on their way at once. Bytes and frames are `h2`'s.

What is known of a request that gets no answer is kept: one that its server says it did not begin (REFUSED_STREAM, or
above the last stream that a GOAWAY names) was not sent, as far as anybody is concerned.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import cast

from h2.config import H2Configuration
from h2.connection import ConnectionState, H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)
from h2.exceptions import H2Error
from h2.settings import SettingCodes, Settings

from clarion.http.http2_stream import Stream, named
from clarion.http.progress import Progress

_MOST_HEADERS = 64 * 1024
_FRAME_HEADER = 9


class Gone(ConnectionError):
    """The connection takes no more requests, and nothing of this one was sent."""


class Connection(asyncio.Protocol):
    """Speaks HTTP/2 once it is connected."""

    def __init__(self) -> None:
        self._h2 = H2Connection(H2Configuration(client_side=True, header_encoding=None))
        self._transport: asyncio.Transport | None = None
        #: The beginning of a frame.
        self._read = bytearray()
        self._streams: dict[int, Stream] = {}
        #: Set for a moment whenever something changes for which somebody may wait.
        self._changed = asyncio.Event()
        #: Whether its server has said how it is spoken to.
        self._greeted = False
        #: Why there can be no more requests here.
        self._why: str | None = None

    @property
    def takes_more(self) -> bool:
        return self._why is None

    def retire(self, why: str) -> None:
        """Begin nothing more here; what is on its way is waited for."""
        self._why = self._why or why
        self._wake()
        self._close_if_idle()

    async def greeted(self) -> None:
        """Wait until the server has said how many requests it takes at once. Raises `Gone`."""
        while not self._greeted:
            await self._change()

    async def ask(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, progress: Progress
    ) -> None:
        """Ask, and read the answer into *progress*. Raises ConnectionError where there is none, or not all of it."""
        try:
            id, stream = await self._begin(method, path, headers, progress, ends=not body)
        except H2Error as error:  # its numbers are used up
            self.retire(str(error))
            raise Gone(str(error)) from error
        try:
            await self._send(id, body or b"")
            await stream.ended
        except H2Error as error:
            raise ConnectionError(str(error)) from error
        finally:
            self._forget(id)

    async def _begin(
        self, method: str, path: str, headers: Mapping[str, str], progress: Progress, *, ends: bool
    ) -> tuple[int, Stream]:
        while self._h2.open_outbound_streams >= self._h2.remote_settings.max_concurrent_streams or not self._greeted:
            await self._change()
        if self._why is not None:
            raise Gone(self._why)
        id = self._h2.get_next_available_stream_id()
        stream = self._streams[id] = Stream(progress)
        pseudo = [(":method", method), (":scheme", "https"), (":authority", headers["host"]), (":path", path)]
        progress.sent = True
        rest = ((name, text) for name, text in headers.items() if name != "host")
        self._h2.send_headers(id, [*pseudo, *rest], end_stream=ends)
        return id, stream

    async def _send(self, id: int, body: bytes) -> None:
        """The body, as far as the server's windows let it, and the rest when they do."""
        while body:
            room = min(self._h2.local_flow_control_window(id), self._h2.max_outbound_frame_size)
            if room > 0:
                piece, body = body[:room], body[room:]
                self._h2.send_data(id, piece, end_stream=not body)
            self._flush()
            if room <= 0:
                await self._change()
            if self._streams[id].ended.done():
                return
        self._flush()

    def _forget(self, id: int) -> None:
        """Nobody waits for this answer any more; its server is told so, where it may still be at it."""
        stream = self._streams.pop(id)
        if not stream.ended.done() or not stream.is_whole:
            stream.ended.cancel()
            with suppress(H2Error):
                self._h2.reset_stream(id, ErrorCodes.CANCEL)
                self._flush()
        elif not stream.ended.cancelled():
            stream.ended.exception()  # told, or of no interest
        self._wake()
        self._close_if_idle()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are none by inheritance
        values = {SettingCodes.ENABLE_PUSH: 0, SettingCodes.MAX_HEADER_LIST_SIZE: _MOST_HEADERS}
        self._h2.local_settings = Settings(client=True, initial_values=values)
        self._h2.initiate_connection()
        self._flush()

    def data_received(self, data: bytes) -> None:
        self._read += data
        try:
            while (frame := self._frame()) is not None:
                for event in self._h2.receive_data(frame):
                    self._on(event)
        except (H2Error, ValueError) as error:
            self._end(f"it does not speak HTTP/2 as it should: {error}")
        self._flush()
        self._close_if_idle()

    def _frame(self) -> bytes | None:
        """The next whole frame: `h2` takes nothing that stands behind a GOAWAY in one piece with it."""
        size = _FRAME_HEADER + int.from_bytes(self._read[:3], "big")
        if len(self._read) < min(size, _FRAME_HEADER + self._h2.max_inbound_frame_size + 1):
            return None
        frame = bytes(self._read[:size])
        del self._read[:size]
        return frame

    def connection_lost(self, error: Exception | None) -> None:
        self._end(str(error) if error else "the server closed the connection")

    def close(self) -> None:
        """Say goodbye. What is on its way gets no answer."""
        with suppress(H2Error):
            self._h2.close_connection()
            self._flush()
        self._end("it was closed here")

    def _on(self, event: Event) -> None:
        match event:
            case RemoteSettingsChanged():
                self._greeted = True
            case ConnectionTerminated():
                self._go_away(event)
            case ResponseReceived() | DataReceived() | StreamEnded() | StreamReset():
                assert event.stream_id is not None
                if (stream := self._streams.get(event.stream_id)) is not None:
                    stream.hear(event)
                if isinstance(event, DataReceived):
                    self._acknowledge(event)
            case _:
                pass
        self._wake()

    def _acknowledge(self, event: DataReceived) -> None:
        assert event.stream_id is not None
        with suppress(H2Error):  # the stream may be closed
            self._h2.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id)

    def _go_away(self, event: ConnectionTerminated) -> None:
        """What was not begun may be asked elsewhere; the others may still be answered here."""
        said = (event.additional_data or b"")[:200].decode("utf-8", "replace")
        self._h2.state_machine.state = ConnectionState.CLIENT_OPEN  # for `h2` all is over: answers may still come
        why = f"the server goes away: {named(event.error_code)}" + (f", {said}" if said else "")
        self._why, error = self._why or why, ConnectionError(why)
        for id, stream in self._streams.items():
            if id > (event.last_stream_id or 0):
                stream.fail(error, unheard=True)

    def _end(self, why: str) -> None:
        self._why = self._why or why
        error = ConnectionError(why)  # one for all: it is one thing that happened
        for stream in self._streams.values():
            stream.fail(error)
        if self._transport is not None:
            self._transport.close()
        self._wake()

    def _close_if_idle(self) -> None:
        if self._why is not None and not self._streams and self._transport is not None:
            self._transport.close()

    def _flush(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(self._h2.data_to_send())

    async def _change(self) -> None:
        if self._why is not None:
            raise Gone(self._why)
        await self._changed.wait()

    def _wake(self) -> None:
        waiting, self._changed = self._changed, asyncio.Event()
        waiting.set()
