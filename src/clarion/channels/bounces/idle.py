"""Hearing from an IMAP server when mail comes (IDLE, RFC 2177), instead of asking every so often.

A connection of its own waits and rings; what has come is read as it always is. Where the server offers no IDLE, or the
connection is lost, the mailbox is looked into every so often until it can be heard again.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Final

import structlog

from clarion.channels.bounces.mailbox import Mailbox, quoted
from clarion.channels.email.settings import is_loopback

log = structlog.get_logger()

#: How long the server may take for one answer.
_PATIENCE_S: Final = 30.0
#: How long it may say nothing: servers end a connection after half an hour, and much on the way forgets it sooner.
_SILENCE_S: Final = 600.0


class Idle:
    """Has *look* look into the mailbox when there is mail: a door that hears, and a duty for where it does not."""

    def __init__(self, mailbox: Mailbox, look: Callable[[], Awaitable[int]], *, again: timedelta) -> None:
        """*again* is after how long a server that could not be heard is called again."""
        self._mailbox = mailbox
        self._look = look
        self._again_s = again.total_seconds()
        self._alone = asyncio.Lock()
        #: Whether the server tells us of mail now.
        self.told = False

    async def run_once(self) -> int:
        """Look, where nobody tells us; how many mails were read. Raises what *look* raises."""
        return 0 if self.told else await self._read()

    async def run(self, stopping: asyncio.Event) -> None:
        """Listen until *stopping* is set; what is being read then is read."""
        async with asyncio.TaskGroup() as tasks:
            listening = tasks.create_task(self._listen())
            await stopping.wait()
            async with self._alone:
                listening.cancel()

    async def _listen(self) -> None:
        while True:
            try:
                await self._hear()
            except Exception as error:  # whatever it is: the mailbox is looked into meanwhile
                log.warning("bounces.mailbox_not_heard", host=self._mailbox.host, error=str(error) or repr(error))
            finally:
                self.told = False
            await asyncio.sleep(self._again_s)

    async def _hear(self) -> None:
        line = await _Line.open(self._mailbox)
        try:
            while True:
                await line.idle()
                if not self.told:
                    self.told = True
                    log.info("bounces.mailbox_heard", host=self._mailbox.host, folder=self._mailbox.folder)
                await self._read()  # from here on nothing comes without a word
                await line.mail()
        finally:
            line.close()

    async def _read(self) -> int:
        async with self._alone:
            return await self._look()


class _Line:
    """One connection, logged in, that looks at the folder and changes nothing."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._tag = b""

    @classmethod
    async def open(cls, box: Mailbox) -> _Line:
        """Raises `OSError` where the server cannot be used, or does not tell of mail."""
        tls = ssl.create_default_context() if box.implicit_tls or not is_loopback(box.host) else None
        async with asyncio.timeout(_PATIENCE_S):
            line = cls(*await asyncio.open_connection(box.host, box.port, ssl=tls if box.implicit_tls else None))
            try:
                if not (await line._reader.readline()).startswith(b"* OK"):
                    raise ConnectionError("the server does not want to be asked")
                if tls is not None and not box.implicit_tls:
                    await line._ask("STARTTLS")
                    await line._writer.start_tls(tls, server_hostname=box.host)
                await line._ask(f"LOGIN {quoted(box.user)} {quoted(box.password)}")
                offers = b" ".join(await line._ask("CAPABILITY")).upper().split()
                if b"IDLE" not in offers:
                    raise ConnectionError("the server offers no IDLE")
                await line._ask(f"EXAMINE {quoted(box.folder)}")
            except BaseException:
                line.close()
                raise
        return line

    async def idle(self) -> None:
        """Have the server tell us from now on."""
        async with asyncio.timeout(_PATIENCE_S):
            await self._say("IDLE")
            while not (said := await self._line()).startswith(b"+"):
                if said.startswith(self._tag):
                    raise ConnectionError(f"IDLE: {_shown(said)}")

    async def mail(self) -> None:
        """Wait until mail has come, or for as long as a connection may be silent. The server tells no more then."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_SILENCE_S):
                while (await self._line()).upper().split()[2:3] != [b"EXISTS"]:
                    pass
        async with asyncio.timeout(_PATIENCE_S):
            self._writer.write(b"DONE\r\n")
            await self._answers()

    def close(self) -> None:
        with suppress(OSError, RuntimeError):  # it may be gone already
            self._writer.write(b"z LOGOUT\r\n")
            self._writer.close()

    async def _ask(self, command: str) -> list[bytes]:
        """What the server says to *command* before it says that it is done."""
        await self._say(command)
        return await self._answers()

    async def _say(self, command: str) -> None:
        # Nobody who sees what is said in the clear can know it, and answer before there is encryption.
        self._tag = b"c" + secrets.token_hex(8).encode()
        self._writer.write(self._tag + f" {command}\r\n".encode())
        await self._writer.drain()

    async def _answers(self) -> list[bytes]:
        said: list[bytes] = []
        while not (line := await self._line()).startswith(self._tag + b" "):
            said.append(line)
        if line.upper().split()[1:2] != [b"OK"]:
            raise ConnectionError(_shown(line))
        return said

    async def _line(self) -> bytes:
        line = await self._reader.readline()
        if not line.endswith(b"\n"):
            raise ConnectionResetError("the server has hung up")
        return line


def _shown(line: bytes) -> str:
    return line[:200].decode("ascii", "backslashreplace").strip()
