"""The test server's side of one connection."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, cast

from tests.support.smtp_faults import Fault, drip, reset
from tests.support.smtp_login import Login

if TYPE_CHECKING:
    from tests.support.smtp_server import SmtpServer


class Session(asyncio.Protocol):
    """Reads commands and messages, answers what came together in one write."""

    def __init__(self, server: SmtpServer) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        #: So much of a message was looked through: what is large comes in hundreds of pieces.
        self._searched = 0
        self._out: list[bytes] = []
        self._in_message = False
        self._dead = False
        self._encrypted = False
        self._logged_in = server.login is None
        self._login: Login | None = None
        self._sender: str | None = None
        self._recipient: str | None = None
        self._eight_bit = False
        self._mails = 0
        self._number = 0
        self._task: asyncio.Task[None] | None = None
        self._encrypting: asyncio.Task[None] | None = None
        self.gone: asyncio.Future[None] = self._loop.create_future()

    def drop(self) -> None:
        if self._encrypting is not None and not self._encrypting.done():
            self._encrypting.cancel()
        elif self._transport is not None:
            self._transport.close()

    def say(self, text: str) -> None:
        """Send a line that nobody asked for."""
        self._out.append(text.encode() + b"\r\n")
        self._flush()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._encrypted = transport.get_extra_info("ssl_object") is not None
        self._number = self._server.joined(self)
        if not self._struck("connect"):
            self._answer("greeting", "220 tests ESMTP")
            self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self._dead = True
        self._server.left(self)
        if not self.gone.done():
            self.gone.set_result(None)

    def data_received(self, data: bytes) -> None:
        if self._dead:
            return
        self._buffer += data
        while not self._dead and self._buffer and (self._message() if self._in_message else self._command()):
            pass
        self._flush()

    def _message(self) -> bool:
        """Read a message up to its final dot, where that has come."""
        if self._buffer.startswith(b".\r\n"):
            data, end = b"", 3
        else:
            at = self._buffer.find(b"\r\n.\r\n", self._searched)
            if at < 0:
                self._searched = max(0, len(self._buffer) - 4)
                self._struck("body", self._recipient)
                return False
            data, end = bytes(self._buffer[: at + 2]), at + 5
        if self._server.faults and self._struck("body", self._recipient):
            return False
        del self._buffer[:end]
        self._in_message = False
        self._taken(data)
        return True

    def _taken(self, data: bytes) -> None:
        sender, recipient = self._sender, self._recipient
        self._sender = self._recipient = None
        if recipient is None or sender is None:
            self._out.append(b"554 5.5.1 no recipient\r\n")
            return
        if not self._eight_bit and not data.isascii():  # RFC 6152 §3
            self._out.append(b"554 5.6.1 octets above 127 were not announced\r\n")
            return
        server = self._server
        if server.faults and self._struck("dot", recipient):
            return
        self._mails += 1
        answer = f"2.0.0 Ok: queued as {self._number}-{self._mails}"
        server.record(sender, recipient, data, self._number, answer)
        if server.faults and self._struck("accepted", recipient):
            return
        self._out.append(f"250 {answer}\r\n".encode())
        if server.faults:
            self._struck("replied", recipient)

    def _command(self) -> bool:
        at = self._buffer.find(b"\r\n")
        if at < 0:
            return False
        line = self._buffer[:at].decode("utf-8", "surrogateescape")
        del self._buffer[: at + 2]
        if self._login is not None:
            self._continue_auth(line)
            return True
        verb, _, rest = line.partition(" ")
        verb = verb.upper()
        self._server.commands[verb] += 1
        handler = {
            "MAIL": self._mail,
            "RCPT": self._rcpt,
            "DATA": self._data,
            "RSET": self._rset,
            "EHLO": self._ehlo,
            "STARTTLS": self._starttls,
            "AUTH": self._start_auth,
            "QUIT": self._quit,
        }.get(verb)
        if handler is None:
            self._out.append(b"502 5.5.1 unknown command\r\n")
        else:
            handler(rest)
        return True

    # Commands.

    def _mail(self, rest: str) -> None:
        limit = self._server.mails_per_connection
        if limit is not None and self._mails >= limit:
            self._strike(Fault(at="mail", do="reply", code=421, text="4.7.0 too many mails on this connection"))
        elif not self._logged_in:
            self._out.append(b"530 5.7.0 log in first\r\n")
        elif self._sender is not None:
            self._out.append(b"503 5.5.1 nested MAIL\r\n")
        elif "BODY=8BITMIME" in rest and "8BITMIME" not in self._server.extensions:
            self._out.append(b"555 5.5.4 BODY is not known here\r\n")
        elif not self._struck("mail"):
            self._eight_bit = "BODY=8BITMIME" in rest
            self._sender = rest[rest.find("<") + 1 : rest.find(">")]
            self._out.append(b"250 2.1.0 Ok\r\n")

    def _rcpt(self, rest: str) -> None:
        recipient = rest[rest.find("<") + 1 : rest.find(">")]
        if self._sender is None:
            self._out.append(b"503 5.5.1 need MAIL\r\n")
        elif not (self._server.faults and self._struck("rcpt", recipient)):
            self._recipient = recipient
            self._out.append(b"250 2.1.5 Ok\r\n")

    def _data(self, rest: str) -> None:
        if self._recipient is None and not (self._sender is not None and self._server.eager_data):
            self._out.append(b"503 5.5.1 need RCPT\r\n")
        elif not (self._server.faults and self._struck("data", self._recipient)):
            self._in_message, self._searched = True, 0
            self._out.append(b"354 go ahead\r\n")

    def _rset(self, rest: str) -> None:
        self._sender = self._recipient = None
        self._out.append(b"250 2.0.0 Ok\r\n")

    def _quit(self, rest: str) -> None:
        self._out.append(b"221 2.0.0 Bye\r\n")
        self._flush()
        self._dead = True
        self.drop()

    def _ehlo(self, rest: str) -> None:
        server = self._server
        server.greeted_as.append(rest)
        lines = ["tests", *server.extensions]
        if server.tls is not None and not self._encrypted:
            lines.append("STARTTLS")
        if server.login is not None:
            lines.append(f"AUTH {' '.join(server.mechanisms)}")
        self._answer("ehlo", "\r\n".join([*(f"250-{line}" for line in lines[:-1]), f"250 {lines[-1]}"]))

    def _starttls(self, rest: str) -> None:
        if self._struck("starttls"):
            return
        self._begin_tls(self._server.tls)

    def _begin_tls(self, context: ssl.SSLContext | None) -> None:
        assert context is not None
        self._out.append(b"220 2.0.0 go ahead\r\n")
        self._flush()
        self._encrypting = self._loop.create_task(self._encrypt(context))

    async def _encrypt(self, context: ssl.SSLContext) -> None:
        assert self._transport is not None
        try:
            transport = await self._loop.start_tls(self._transport, self, context, server_side=True)
        except (OSError, asyncio.CancelledError):  # the client did not like our certificate, or this server ends
            self._transport.abort()
            self.connection_lost(None)  # the event loop tells the half-made encryption, not us
            return
        self._transport = transport
        self._encrypted = True
        self._sender = self._recipient = None

    def _start_auth(self, rest: str) -> None:
        if self._server.login is None or self._struck("auth"):
            return
        mechanism, _, initial = rest.partition(" ")
        self._login = Login(*self._server.login, mechanism)
        self._continue_auth(initial)

    def _continue_auth(self, line: str) -> None:
        assert self._login is not None
        if line:
            self._login.answer(line)
        if (prompt := self._login.prompt()) is not None:
            self._out.append(prompt)
            return
        self._logged_in = self._login.good
        self._login = None
        self._out.append(b"235 2.7.0 welcome\r\n" if self._logged_in else b"535 5.7.8 wrong user or password\r\n")

    # Answers and faults.

    def _answer(self, at: str, text: str) -> None:
        if not self._struck(at):
            self._out.append(text.encode() + b"\r\n")

    def _struck(self, at: str, recipient: str | None = None) -> bool:
        """Commit a fault if one is due; whether the usual answer is thereby replaced."""
        fault = self._server.strikes(at, recipient) if self._server.faults else None
        if fault is None:
            return False
        return self._strike(fault)

    def _strike(self, fault: Fault) -> bool:
        if fault.do == "drip":
            self._flush()
            assert self._transport is not None
            self._task = self._loop.create_task(drip(self._transport, fault.pause_s))
            return True
        if fault.do == "stranger":
            self._begin_tls(self._server.stranger)
            return True
        if fault.do == "reply":
            self._out.append(f"{fault.code} {fault.text}\r\n".encode())
            if fault.code != 421:
                return True
        self._flush()
        self._dead = True
        if fault.do == "reset" and self._transport is not None:
            reset(self._transport)
        elif fault.do != "hang":
            self.drop()
        return True

    def _flush(self) -> None:
        if self._out and self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join(self._out))
        self._out.clear()
