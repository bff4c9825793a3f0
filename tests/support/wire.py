"""A wire to a server that can be cut, and that can lose what is sent over it first."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Self


class Wire:
    """Listens on `port` while the ``async with`` lasts, and passes everything on to *server_port* and back."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._ends: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        #: Swallow what clients send from now on; they do not notice.
        self.deaf = False
        #: All that clients have sent.
        self.sent = bytearray()

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port: int = self._listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listener.close()
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._listener.wait_closed()

    def cut(self) -> None:
        """Reset every connection."""
        for end in self._ends:
            end.transport.abort()
        for task in self._tasks:
            task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._ends.add(writer)
        try:
            answers, upstream = await asyncio.open_connection("127.0.0.1", self._server_port)
            self._ends.add(upstream)
            with suppress(asyncio.CancelledError):
                await asyncio.wait(
                    [
                        asyncio.create_task(self._pump(reader, upstream, True)),
                        asyncio.create_task(self._pump(answers, writer, False)),
                    ],
                    return_when=asyncio.FIRST_COMPLETED,
                )
            self._ends.discard(upstream)
            upstream.transport.abort()
        except OSError:
            pass  # the server is away
        finally:
            self._tasks.discard(task)
            self._ends.discard(writer)
            writer.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, outward: bool) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                if outward:
                    self.sent += data
                if not (outward and self.deaf):
                    writer.write(data)
                    await writer.drain()
