"""Faults that the test server commits, each at a named point of the conversation."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass, fields

#: Where: the point is reached just before the server would answer it.
POINTS = (
    "connect",  # the connection was accepted by the operating system
    "greeting",
    "ehlo",
    "starttls",
    "auth",
    "mail",
    "rcpt",
    "data",
    "body",  # some of the message has come, not its final dot
    "dot",  # all of the message has come; it is not recorded
    "accepted",  # it is recorded; the 250 is not sent
    "replied",  # the 250 is sent
)
ACTIONS = (
    "reply",  # answer `code` and `text` instead; 421 also closes
    "hang",  # say nothing any more, read on
    "reset",  # TCP reset
    "close",  # an orderly close
    "drip",  # answer as usual, an octet every `pause_s`
    "stranger",  # STARTTLS alone: encrypt, under a certificate that nobody vouches for
)


@dataclass(slots=True, kw_only=True)
class Fault:
    """One fault. It counts the times it was committed, so it is not frozen."""

    at: str
    do: str
    code: int = 451
    text: str = "4.3.0 injected"
    #: How often; None means always.
    times: int | None = None
    #: How often the point passes unharmed before.
    skip: int = 0
    #: Only for mail to this address, or to this domain where it begins with @ (from ``rcpt`` on).
    to: str | None = None
    pause_s: float = 0.1

    def __post_init__(self) -> None:
        if self.at not in POINTS or self.do not in ACTIONS:
            raise ValueError(f"no such fault: {self.at} {self.do}")

    def strikes(self, at: str, recipient: str | None) -> bool:
        """Whether it happens now; counts."""
        if self.at != at or self.times == 0 or not self._means(recipient):
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True

    def _means(self, recipient: str | None) -> bool:
        if self.to is None:
            return True
        return recipient is not None and (recipient.endswith(self.to) if self.to[0] == "@" else recipient == self.to)


def parse_fault(text: str) -> Fault:
    """The fault written as ``at=rcpt,do=reply,code=550,times=1``; a text may not hold commas."""
    values = dict(part.split("=", 1) for part in text.split(","))
    if unknown := values.keys() - {field.name for field in fields(Fault)}:
        raise ValueError(f"unknown in a fault: {', '.join(sorted(unknown))}")
    return Fault(
        at=values["at"],
        do=values["do"],
        code=int(values.get("code", 451)),
        text=values.get("text", "4.3.0 injected"),
        times=int(values["times"]) if "times" in values else None,
        skip=int(values.get("skip", 0)),
        to=values.get("to"),
        pause_s=float(values.get("pause_s", 0.1)),
    )


async def drip(transport: asyncio.Transport, pause_s: float) -> None:
    """Greet, an octet every *pause_s*, until the other side has had enough."""
    for octet in b"220 tests ESMTP with a very, very long greeting\r\n":
        if transport.is_closing():
            return
        transport.write(bytes([octet]))
        await asyncio.sleep(pause_s)


def reset(transport: asyncio.Transport) -> None:
    """Close so that the other side gets a TCP reset, also where all it sent was read."""
    raw = transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    transport.abort()
