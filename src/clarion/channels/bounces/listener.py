"""A mail server for the bounce address alone: it takes what came back, and carries nothing on.

A recipient must be an address that was made here; all others are refused before anything is sent. A mail is answered
for once what it says is committed: a server that was told to try again later keeps it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, Final

import structlog

from clarion import clock
from clarion.channels.bounces.reading import Reader, Reading
from clarion.domain.return_path import ReturnPaths
from clarion.smtp.encryption import Certificate, Encryptable
from clarion.smtp.intake import Answering, Arrival, Limits, Manners
from clarion.smtp.session import Connection

log = structlog.get_logger()

#: Does what mails say, in one transaction. Raises what the database raises; then nothing was done.
Take = Callable[[Sequence[Reading]], Awaitable[None]]

_CONNECTIONS: Final = 100
_IDLE_S: Final = 60.0
#: How long until a port that was taken is tried again.
_AGAIN_S: Final = 5.0
#: So many mails may come faster than the rate.
_BURST: Final = 50


class Listener:
    """The server, at a host and a port (0: a free one), such as ``0.0.0.0:25``."""

    def __init__(
        self,
        paths: ReturnPaths,
        take: Take,
        *,
        at: str,
        max_size: int,
        rate: int,
        certificate: Certificate | None = None,
    ) -> None:
        """*max_size* is the largest mail in octets, *rate* how many mails a minute are taken from all clients.

        With a *certificate* it offers encryption, to those who want it.
        """
        host, _, port = at.rpartition(":")
        self._host, self.port = host.removeprefix("[").removesuffix("]"), int(port)
        self._intake = _Intake(Reader(paths), take)
        # What comes back is about one mail: a second recipient is for a mail of its own.
        self._limits = Limits(size=max_size, idle_s=_IDLE_S, recipients=1, connections=_CONNECTIONS)
        self._pace = _Pace(rate)
        self._paths = paths
        self._manners = Manners(
            name=paths.domain.encode(),
            taken=lambda _: b"250 2.0.0 Noted",
            not_kept=b"451 4.3.0 It cannot be noted now: try again later",
            refuse=self._pace.refuse,
            refuse_recipient=self._refuse,
        )
        self._certificate = certificate
        self._connections: set[Connection] = set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Listen until *stopping* is set. Where the address cannot be had, as while another worker has it, that is
        tried again."""
        server = await self._server(stopping)
        if server is None:
            return
        self.port = server.sockets[0].getsockname()[1]
        log.info("bounces.listening", host=self._host, port=self.port)
        async with asyncio.TaskGroup() as tasks:
            self._intake.tasks = tasks
            try:
                await stopping.wait()
            finally:
                server.close()
                for connection in list(self._connections):
                    connection.close(b"Shutting down")
                self._intake.flush()
        with suppress(TimeoutError):  # a client that does not read its last reply is not waited for
            async with asyncio.timeout(1):
                await server.wait_closed()

    async def _server(self, stopping: asyncio.Event) -> asyncio.Server | None:
        """What listens; None when *stopping* was set before it could."""
        while not stopping.is_set():
            try:
                return await asyncio.get_running_loop().create_server(self._connection, self._host, self.port)
            except OSError as error:
                log.warning(
                    "bounces.not_listening", host=self._host, port=self.port, error=error.strerror or str(error)
                )
            with suppress(TimeoutError):
                async with asyncio.timeout(_AGAIN_S):
                    await stopping.wait()
        return None

    def _connection(self) -> Connection:
        given = self._intake, self._limits, self._connections, self._manners
        if self._certificate is None:
            return Connection(*given)
        return Encryptable(*given, certificate=self._certificate, run=self._intake.do)

    def _refuse(self, recipient: bytes) -> bytes | None:
        return None if self._paths.read(recipient) else b"550 5.1.1 No such address here"


class _Intake:
    """Reads the mails of a turn of the event loop, has them done, and lets those answer who brought them."""

    def __init__(self, reader: Reader, take: Take) -> None:
        self._reader = reader
        self._take = take
        self._arrivals: list[Arrival] = []
        self._waiting: list[Answering] = []
        #: What its work is done in, while there is a server.
        self.tasks: asyncio.TaskGroup | None = None

    def add(self, arrival: Arrival) -> int:
        """See `Intake`."""
        self._arrivals.append(arrival)
        return len(self._arrivals) - 1

    def wait(self, connection: Answering) -> None:
        """See `Intake`."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self.flush)
        self._waiting.append(connection)

    def flush(self) -> None:
        """Begin to do what is here; who brought it is answered when that is done."""
        arrivals, self._arrivals = self._arrivals, []
        waiting, self._waiting = self._waiting, []
        if not arrivals:
            for connection in waiting:
                connection.answer(0)
            return
        for connection in waiting:
            connection.hold()
        self.do(self._note(arrivals, waiting))

    def do(self, work: Coroutine[Any, Any, None]) -> None:
        """Have *work* done, while there is a server."""
        assert self.tasks is not None
        self.tasks.create_task(work)

    async def _note(self, arrivals: Sequence[Arrival], waiting: Sequence[Answering]) -> None:
        first: int | None = None
        try:
            await self._take([self._reader.read(one.raw, one.recipients) for one in arrivals])
            first = 0
        except Exception as error:  # whatever it is: the other server keeps the mail and brings it again
            log.warning("bounces.not_taken", mails=len(arrivals), error=repr(error))
        for connection in waiting:
            connection.answer(first)


class _Pace:
    """How fast mails are taken: the generic cell rate algorithm (ITU-T I.371)."""

    def __init__(self, per_minute: int) -> None:
        self._each_s = 60 / per_minute
        self._full_at = 0.0

    def refuse(self) -> bytes | None:
        """Count one mail; the reply to it when there are too many."""
        now = clock.monotonic()
        full_at = max(self._full_at, now) + self._each_s
        if full_at - now > _BURST * self._each_s:
            return b"451 4.7.1 Too many mails: try again later"
        self._full_at = full_at
        return None
