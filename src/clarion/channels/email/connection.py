"""One SMTP connection: octets out, whole replies in, a deadline for each wait.

It is a protocol of our own, from the greeting on, because aiosmtplib reads one reply per command and drops what
arrives in between: its stream cannot be handed over in the middle, and a pipelined conversation is all "in between".
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from datetime import timedelta
from typing import cast

from clarion.channels.email.offer import Offer

#: RFC 5321 §4.5.3.1.5 allows 512 octets a reply line; some servers send more.
_LINE_LIMIT = 8192
_LINES_LIMIT = 200
#: How often a wait looks at the clock: its timer is shared by all waits of the connection, so that none costs one.
_TICK_S = 0.5
_QUIT_GRACE_S = 2.0


class Connection(asyncio.Protocol):
    """One connection. Waits never raise for what the other side does: they come back short, and `broken` says why."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._partial = b""
        self._lines: list[str] = []
        self._replies: deque[tuple[int, str]] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._wanted = 0
        self._deadline = 0.0
        self._allowed_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._paused = False
        #: Why the connection is of no more use; None while it is.
        self.broken: str | None = None
        #: Done when the connection is gone.
        self.closed: asyncio.Future[None] = loop.create_future()
        #: What the server's EHLO offered.
        self.offer = Offer()
        #: Messages taken or refused over it.
        self.used = 0
        #: Whether a transaction was left half-way, so that RSET must come before the next.
        self.needs_reset = False
        #: Whether nothing is awaited, so that whatever arrives is a goodbye (RFC 5321 §3.8: 421 at any time).
        self.idle = False

    def write(self, data: bytes | memoryview) -> bool:
        """Hand *data* to the operating system, or to a buffer before it. False: nothing of it was, nor will be."""
        transport = self._transport
        if self.broken is not None or transport is None or transport.is_closing():
            return False
        transport.write(data)
        return True

    async def replies(self, count: int, each: timedelta) -> list[tuple[int, str]]:
        """The next *count* replies as code and text, *each* allowed so long; fewer where the connection broke.

        Lines of a reply are joined by line feeds.
        """
        queue = self._replies
        if len(queue) < count and self.broken is None:
            await self._wait(count, each.total_seconds())
        return [queue.popleft() for _ in range(min(count, len(queue)))]

    async def drained(self, each: timedelta) -> bool:
        """Wait until what was written has left our buffer; False where the connection broke."""
        while self._paused and self.broken is None:
            await self._wait(0, each.total_seconds())
        return self.broken is None

    async def start_tls(self, context: ssl.SSLContext, server_hostname: str) -> None:
        """Encrypt from here on. Raises `OSError` where that fails.

        Octets that came behind the reply to STARTTLS were not encrypted, so whoever sits between may have added them
        (RFC 3207 §4.2): they break the connection.
        """
        if self._partial or self._replies or self._transport is None:
            self.abort("the server spoke on behind its reply to STARTTLS")
            raise ConnectionAbortedError(self.broken)
        transport = await self._loop.start_tls(self._transport, self, context, server_hostname=server_hostname)
        if transport is None:
            raise ConnectionAbortedError("the connection was closed while it was being encrypted")
        self._adopt(transport)

    def quit(self) -> None:
        """Say goodbye and close; does not wait for the answer (`closed` does)."""
        if self.write(b"QUIT\r\n"):
            self.broken = "we closed the connection"
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_later(_QUIT_GRACE_S, self._drop)
        else:
            self.abort("we closed the connection")

    def abort(self, reason: str) -> None:
        """Close at once, because of *reason*."""
        if self.broken is None:
            self.broken = reason
        self._drop()
        self._wake()

    def local_address(self) -> str:
        """The address of our own end as an SMTP address literal (RFC 5321 §4.1.3)."""
        name = self._transport.get_extra_info("sockname") if self._transport else None
        host = str(name[0]).partition("%")[0] if name else "127.0.0.1"
        return f"[IPv6:{host}]" if ":" in host else f"[{host}]"

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._adopt(cast(asyncio.Transport, transport))

    def data_received(self, data: bytes) -> None:
        if self.broken is not None or self.idle:
            self._goodbye(data)
            return
        if self._partial:
            data = self._partial + data
        lines = data.split(b"\n")
        self._partial = lines.pop()
        for line in lines:
            self._read_line(line)
        if len(self._partial) > _LINE_LIMIT or len(self._lines) > _LINES_LIMIT:
            self.abort("the server's reply is too long")
        elif self._waiter is not None:
            if len(self._replies) >= self._wanted > 0:
                self._wake()
            elif lines:
                self._deadline = self._loop.time() + self._allowed_s

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        if self.broken is None:
            self.broken = f"the server closed the connection{f' ({exc})' if exc and str(exc) else ''}"
        if self._timer is not None:
            self._timer.cancel()
        if not self.closed.done():
            self.closed.set_result(None)
        self._wake()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self._wanted == 0:
            self._wake()

    def _adopt(self, transport: asyncio.Transport) -> None:
        # Without a buffer of its own, "drained" means: all is with the operating system.
        transport.set_write_buffer_limits(high=0)
        self._transport = transport

    def _read_line(self, line: bytes) -> None:
        code, mark = line[:3], line[3:4]
        if not code.isdigit() or mark not in b" -\r":
            self.abort(f"the server's reply is not SMTP: {line[:80].decode('utf-8', 'replace')!r}")
            return
        text = line[4:].rstrip().decode("utf-8", "replace")
        if mark == b"-":
            self._lines.append(text)
            return
        if self._lines:
            text = "\n".join([*self._lines, text])
            self._lines.clear()
        self._replies.append((int(code), text))

    def _goodbye(self, data: bytes) -> None:
        if self.broken is None:
            self.broken = f"the server said, unasked: {data[:200].decode('utf-8', 'replace').strip()}"
        if self._transport is not None:
            self._transport.close()

    async def _wait(self, wanted: int, allowed_s: float) -> None:
        self._wanted, self._allowed_s = wanted, allowed_s
        self._deadline = self._loop.time() + allowed_s
        if self._timer is None:
            self._timer = self._loop.call_later(min(_TICK_S, allowed_s), self._tick)
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _tick(self) -> None:
        self._timer = None
        if self._waiter is None:
            return
        left = self._deadline - self._loop.time()
        if left <= 0:
            self.abort(f"timed out after {self._allowed_s:g} s")
        else:
            self._timer = self._loop.call_later(min(_TICK_S, left), self._tick)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _drop(self) -> None:
        if self._transport is not None:
            self._transport.abort()
