"""An SMTP sink in plain asyncio: `python -m bench.servers.python_sink PORT [FILE]`.

It takes mails as fast as one process can and prints running counters as ``smtp-sink -c`` does. With FILE it also
writes a line ``<monotonic nanoseconds> <recipient>`` for every mail, at the moment its final dot arrived; that clock is
one for the whole machine, so other processes can subtract.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import BinaryIO, cast

DOT = b"\r\n.\r\n"


class Tally:
    """What was taken, told in bursts: a write per mail would cost more than the mail."""

    def __init__(self, arrivals: BinaryIO | None) -> None:
        self.count = 0
        self.arrivals = arrivals
        self._lines: list[bytes] = []

    def mail(self, recipients: list[bytes]) -> None:
        """Count one mail, taken now."""
        self.count += 1
        if self.arrivals is not None:
            now = time.monotonic_ns()
            self._lines.extend(b"%d %s\n" % (now, recipient) for recipient in recipients)

    async def tell(self) -> None:
        """Write down what is new, fifty times a second, for ever."""
        told = -1
        while True:
            await asyncio.sleep(0.02)
            if self.count == told:
                continue
            told = self.count
            if self.arrivals is not None:
                self.arrivals.write(b"".join(self._lines))
                self.arrivals.flush()
                self._lines.clear()
            os.write(1, b"mesg=%d\r" % told)


class Session(asyncio.Protocol):
    """One client's connection: a line at a time, or a whole mail; replies to what came together leave together."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._buffer = bytearray()
        self._in_data = False
        self._recipients: list[bytes] = []
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but its bases
        transport = self._transport
        transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._buffer += data
        replies = bytearray()
        while (reply := self._next()) is not None:
            replies += reply
        if replies:
            self._transport.write(replies)
        if replies.endswith(b"221 bye\r\n"):
            self._transport.close()

    def _next(self) -> bytes | None:
        """The answer to the next whole thing in the buffer; None when there is none."""
        if self._in_data:
            # An empty mail's dot follows the DATA line at once, without a line end of its own before it.
            if self._buffer.startswith(DOT[2:]):
                del self._buffer[:3]
                return self._taken()
            at = self._buffer.find(DOT)
            if at < 0:
                return None
            del self._buffer[: at + len(DOT)]
            return self._taken()
        at = self._buffer.find(b"\r\n")
        if at < 0:
            return None
        line = bytes(self._buffer[:at])
        del self._buffer[: at + 2]
        return self._answer(line)

    def _taken(self) -> bytes:
        self._in_data = False
        self._tally.mail(self._recipients)
        self._recipients = []
        return b"250 2.0.0 Ok: taken\r\n"

    def _answer(self, line: bytes) -> bytes:
        verb = line[:4].upper()
        if verb == b"EHLO":
            return b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 ENHANCEDSTATUSCODES\r\n"
        if verb == b"RCPT":
            self._recipients.append(line.partition(b"<")[2].partition(b">")[0])
        elif verb == b"DATA":
            self._in_data = True
            return b"354 go on\r\n"
        elif verb == b"RSET":
            self._recipients = []
        elif verb == b"QUIT":
            return b"221 bye\r\n"
        return b"250 2.0.0 Ok\r\n"


async def main(port: int, arrivals: BinaryIO | None) -> None:
    """Serve on the loopback *port* until ended."""
    tally = Tally(arrivals)
    server = await asyncio.get_running_loop().create_server(lambda: Session(tally), "127.0.0.1", port, backlog=512)
    async with server:
        await tally.tell()


if __name__ == "__main__":
    import contextlib

    import uvloop

    with contextlib.suppress(KeyboardInterrupt):
        if len(sys.argv) > 2:
            with open(sys.argv[2], "wb") as file:  # noqa: PTH123 - read by nobody else in this process
                uvloop.run(main(int(sys.argv[1]), file))
        else:
            uvloop.run(main(int(sys.argv[1]), None))
