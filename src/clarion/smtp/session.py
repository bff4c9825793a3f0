"""The server's side of SMTP: mails that come in, taken fast and to the letter (RFC 5321, RFC 2920).

What is done with a mail, and from when on it counts as taken, is the business of an `Intake`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from clarion.smtp.commands import Refusal, parse_mail, parse_rcpt
from clarion.smtp.content import unstuffed
from clarion.smtp.intake import Arrival, Intake, Limits, Manners

_LONGEST_COMMAND = 4096
_MOST_ERRORS = 50


class Connection(asyncio.Protocol):
    """One client. Replies wait until the mails they answer for are safe; see `Intake`."""

    def __init__(self, intake: Intake, limits: Limits, connections: set[Connection], manners: Manners) -> None:
        """*connections* are those of the server: it adds itself, and takes itself away."""
        self._intake = intake
        self._limits = limits
        self._manners = manners
        self._connections = connections
        self._commands: dict[bytes, Callable[[bytes], bytes]] = {
            b"MAIL": self._mail,
            b"RCPT": self._rcpt,
            b"DATA": self._data,
            b"EHLO": self._ehlo,
            b"HELO": self._helo,
            b"RSET": self._rset,
            b"NOOP": lambda _: b"250 2.0.0 Ok",
            b"VRFY": lambda _: b"252 2.5.0 Send a mail and see",
            b"HELP": lambda _: b"214 2.0.0 RFC 5321",
            b"QUIT": self._quit,
        }
        self._rest = bytearray()  #: what has arrived and is not a whole command or mail yet
        self._searched = 0  #: so much of it holds no end of mail
        self._in_data = False
        self._too_large = False  #: the mail that is arriving is thrown away
        self._replies: list[bytes | int] = []  #: ready replies; a number stands for a mail of the batch
        self._greeted = False
        self._sender: bytes | None = None
        self._utf8 = False
        self._recipients: list[bytes] = []
        self._errors = 0
        self._closing = False
        self._heard = self._held = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class is no subclass of it
        self._connections.add(self)
        self._loop = asyncio.get_running_loop()
        self._watch = self._loop.call_later(self._limits.idle_s, self._end_if_silent)
        if len(self._connections) <= self._limits.connections:
            self._transport.write(b"220 %s ESMTP\r\n" % self._manners.name)
        else:
            self.close(b"Too many connections")

    def connection_lost(self, exc: Exception | None) -> None:
        self._watch.cancel()
        self._connections.discard(self)

    def pause_writing(self) -> None:
        """A client that does not read its replies is not listened to."""
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        if not self._held:
            self._transport.resume_reading()

    def hold(self) -> None:
        """See `Answering`."""
        self._held = True
        self._transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        if self._closing:
            return
        self._heard = True
        rest = self._rest
        if rest:
            rest += data
        text = rest or data
        done = 0
        while not self._closing:
            taken = self._take_mail(text, done) if self._in_data else self._take_command(text, done)
            if taken < 0:
                break
            done = taken
        if text is rest:
            del rest[:done]
        elif done < len(data):
            rest += data[done:]

    def answer(self, first_id: int | None) -> None:
        """See `Answering`."""
        replies, self._replies = self._replies, []
        lines = []
        for reply in replies:
            if isinstance(reply, bytes):
                lines.append(reply)
            elif first_id is None:
                lines.append(self._manners.not_kept + b"\r\n")
            else:
                lines.append(self._manners.taken(first_id + reply) + b"\r\n")
        self._transport.write(b"".join(lines))
        if self._closing:
            self._transport.close()
        elif self._held and not self._transport.is_closing():
            self._held = False
            self._transport.resume_reading()

    def close(self, reason: bytes) -> None:
        """End the conversation with *reason*, after what is answered already."""
        if not self._closing:
            self._closing = True
            self._reply(b"421 4.3.2 " + reason)

    def _take_command(self, text: bytes | bytearray, start: int) -> int:
        """Obey the command that begins at *start*; where the next one begins, -1 when it is not all there."""
        end = text.find(b"\r\n", start)
        if end < 0 or end - start > _LONGEST_COMMAND:
            if len(text) - start > _LONGEST_COMMAND:
                self.close(b"Line too long")
            return -1
        line = bytes(text[start:end])
        command = self._commands.get(line[:4].upper())
        try:
            if command is None or b"\n" in line or line[4:5] not in (b"", b" "):
                command = self._other
            self._reply(command(line))
        except Refusal as refusal:
            self._refuse(refusal.reply)
        return end + 2

    def _take_mail(self, text: bytes | bytearray, start: int) -> int:
        """Take the mail that begins at *start*; where the next command begins, -1 when it is not all there."""
        if not self._too_large and text.startswith(b".\r\n", start):
            return self._finish_mail(b"", start + 3)
        end = text.find(b"\r\n.\r\n", start + self._searched)
        if end >= 0:
            return self._finish_mail(bytes(text[start : end + 2]), end + 5)
        # The end may have begun in the last four bytes. Of a mail that is too large, only those are kept.
        waiting = len(text) - start
        self._too_large = self._too_large or waiting > self._limits.size + 4
        if self._too_large and waiting > 4:
            self._searched = 0
            return len(text) - 4
        self._searched = max(0, waiting - 4)
        return -1

    def _finish_mail(self, content: bytes, following: int) -> int:
        sender, recipients = self._sender or b"", tuple(self._recipients)
        try:
            self._reply(self._intake.add(Arrival(sender, recipients, self._checked(content))))
        except Refusal as refusal:
            self._refuse(refusal.reply)
        self._rset(b"")
        self._in_data, self._too_large, self._searched = False, False, 0
        return following

    def _checked(self, content: bytes) -> bytes:
        if self._too_large or len(content) > self._limits.size:
            raise Refusal(b"552 5.3.4 Mail is larger than %d bytes" % self._limits.size)
        return unstuffed(content)

    def _other(self, line: bytes) -> bytes:
        raise Refusal(b"500 5.5.1 Unknown command")

    def _ehlo(self, line: bytes) -> bytes:
        self._helo(line)
        return (
            b"250-%s\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-ENHANCEDSTATUSCODES\r\n250 SIZE %d"
        ) % (self._manners.name, self._limits.size)

    def _helo(self, line: bytes) -> bytes:
        if not line[5:].strip():
            raise Refusal(b"501 5.5.4 Say who you are")
        self._rset(line)
        self._greeted = True
        return b"250 " + self._manners.name

    def _mail(self, line: bytes) -> bytes:
        if not self._greeted:
            raise Refusal(b"503 5.5.1 EHLO first")
        if self._sender is not None:
            raise Refusal(b"503 5.5.1 One MAIL FROM at a time")
        if (reply := self._manners.refuse()) is not None:
            raise Refusal(reply)
        self._sender, self._utf8 = parse_mail(line, self._limits.size)
        return b"250 2.1.0 Ok"

    def _rcpt(self, line: bytes) -> bytes:
        if self._sender is None:
            raise Refusal(b"503 5.5.1 MAIL FROM first")
        if len(self._recipients) >= self._limits.recipients:
            raise Refusal(b"452 4.5.3 Too many recipients")
        recipient = parse_rcpt(line, self._utf8)
        if (reply := self._manners.refuse_recipient(recipient)) is not None:
            raise Refusal(reply)
        self._recipients.append(recipient)
        return b"250 2.1.5 Ok"

    def _data(self, line: bytes) -> bytes:
        if len(line) > 4:
            raise Refusal(b"501 5.5.4 DATA takes no argument")
        if self._sender is None:
            raise Refusal(b"503 5.5.1 MAIL FROM first")
        if not self._recipients:
            raise Refusal(b"554 5.5.1 No valid recipients")
        self._in_data = True
        return b"354 End with <CR><LF>.<CR><LF>"

    def _rset(self, _: bytes) -> bytes:
        self._sender, self._utf8 = None, False
        self._recipients = []
        return b"250 2.0.0 Ok"

    def _quit(self, _: bytes) -> bytes:
        self._closing = True
        return b"221 2.0.0 Bye"

    def _refuse(self, reply: bytes) -> None:
        self._errors += 1
        self._reply(reply)
        if self._errors > _MOST_ERRORS:
            self.close(b"Too many errors")

    def _reply(self, reply: bytes | int) -> None:
        if not self._replies:
            self._intake.wait(self)
        self._replies.append(reply + b"\r\n" if isinstance(reply, bytes) else reply)

    def _end_if_silent(self) -> None:
        if self._heard:
            self._heard = False
            self._watch = self._loop.call_later(self._limits.idle_s, self._end_if_silent)
        else:
            self.close(b"Silent for too long")
