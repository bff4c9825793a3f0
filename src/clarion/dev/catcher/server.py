"""The catcher as a whole: an SMTP port, an HTTP port, and the spool between them."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn

from clarion.dev.catcher import caught
from clarion.dev.catcher.intake import MANNERS, Intake
from clarion.dev.catcher.spool import Counts, Spool
from clarion.dev.catcher.web import application
from clarion.dev.fakes.chat_message import Said
from clarion.dev.fakes.twilio_message import Taken
from clarion.errors import ConfigError
from clarion.smtp.intake import Limits
from clarion.smtp.session import Connection

#: How often it is looked for mails that are old.
_PRUNE_EVERY_S = 600


class Catcher:
    """Takes mails on *smtp_port* and shows them on *http_port*, both on *host*; 0 means a free port.

    Mails are kept in *folder*, also over restarts, up to *keep_bytes* of them, and for *keep_for* where that is given.
    """

    def __init__(
        self,
        folder: Path,
        host: str = "127.0.0.1",
        smtp_port: int = 0,
        http_port: int = 0,
        *,
        limits: Limits | None = None,
        keep_bytes: int = 1 << 30,
        keep_for: timedelta | None = None,
        texts: Sequence[Taken] = (),
        pushes: Sequence[Said] = (),
        chats: Sequence[Said] = (),
        webhooks: Sequence[Said] = (),
        tokens: Mapping[str, str] | None = None,
        feeds: caught.Feeds | None = None,
    ) -> None:
        """*texts*, *pushes*, *chats* and *webhooks* are the messages that somebody else takes, to be shown with the
        mails, and so are those in *feeds*; *tokens* those of devices to which push messages are caught."""
        self.host = host
        self.smtp_port = smtp_port
        self.http_port = http_port
        self._folder = folder
        self._limits = limits or Limits()
        self._keep_bytes = keep_bytes
        self._keep_for = keep_for
        self._caught = (
            caught.texts(texts),
            caught.pushes(pushes, tokens or {}),
            caught.chats(chats),
            caught.webhooks(webhooks),
            *([caught.in_app(feeds)] if feeds is not None else []),
        )
        self._connections: set[Connection] = set()
        self._spool: Spool | None = None
        self._intake: Intake | None = None
        self._smtp: asyncio.Server | None = None
        self._http: _Http | None = None
        self._http_task: asyncio.Task[None] | None = None
        self._next_prune: asyncio.TimerHandle | None = None
        #: The last error that kept a mail from being written, for whoever watches.
        self.last_failure: OSError | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def smtp_url(self) -> str:
        """Where to send mails, as a setting of Clarion."""
        return f"smtp://{_in_url(self.host)}:{self.smtp_port}"

    @property
    def http_url(self) -> str:
        """Where to look at them."""
        return f"http://{_in_url(self.host)}:{self.http_port}"

    async def start(self) -> None:
        """Open the spool and both ports. Raises `ConfigError` when a port or the folder is taken."""
        try:
            self._spool = Spool(self._folder, keep_bytes=self._keep_bytes)
            self._prune()
            self._intake = intake = Intake(self._spool, self._note)
            smtp = _listen(self.host, self.smtp_port)
            self._smtp = await asyncio.get_running_loop().create_server(
                lambda: Connection(intake, self._limits, self._connections, MANNERS), sock=smtp
            )
            http = _listen(self.host, self.http_port)
            self.smtp_port, self.http_port = smtp.getsockname()[1], http.getsockname()[1]
            app = application(self._spool, self.host, self.smtp_url, self._caught)
            config = uvicorn.Config(
                app, log_config=None, access_log=False, lifespan="off", ws="none", server_header=False
            )
            self._http = _Http(config)
            self._http_task = asyncio.create_task(self._http.serve(sockets=[http]))
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Close both ports; what was answered for is in the spool. Does nothing when it is not running."""
        if self._next_prune is not None:
            self._next_prune.cancel()
        if self._smtp is not None:
            self._smtp.close()
        for connection in list(self._connections):
            connection.close(b"Shutting down")
        if self._intake is not None:
            self._intake.flush()
        if self._smtp is not None:
            await self._smtp.wait_closed()
        if self._http is not None and self._http_task is not None:
            self._http.should_exit = True
            await self._http_task
        if self._spool is not None:
            self._spool.close()
        self._smtp = self._http = self._http_task = self._intake = self._spool = None

    def counts(self) -> Counts:
        """What has arrived; the same as ``GET /api/counts``. It must be running."""
        assert self._spool is not None, "the catcher is not running"
        return self._spool.counts()

    def raw(self, id: int) -> bytes | None:
        """Mail *id* byte for byte; None when it is not kept. It must be running."""
        assert self._spool is not None, "the catcher is not running"
        return self._spool.raw(id)

    def _prune(self) -> None:
        """Delete what is old now, and again after a while."""
        if self._spool is not None and self._keep_for is not None:
            self._spool.prune(self._keep_for)
            self._next_prune = asyncio.get_running_loop().call_later(_PRUNE_EVERY_S, self._prune)

    def _note(self, failure: OSError) -> None:
        self.last_failure = failure


async def serve(
    folder: Path,
    host: str,
    smtp_port: int,
    http_port: int,
    *,
    ready: Callable[[Catcher], None] | None = None,
    lifeline: int | None = None,
) -> None:
    """Run a catcher until SIGTERM or SIGINT; *ready* is called with it once both ports are open.

    *lifeline* is the reading end of a pipe whose other end only the parent process holds: the catcher also stops when
    it closes, which the kernel sees to when the parent is killed. Nothing may be written to it.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if lifeline is not None:
        loop.add_reader(lifeline, stop.set)
    try:
        async with Catcher(folder, host, smtp_port, http_port) as catcher:
            if ready is not None:
                ready(catcher)
            await stop.wait()
    finally:
        if lifeline is not None:
            loop.remove_reader(lifeline)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


class _Http(uvicorn.Server):
    """Leaves signals to whoever runs the catcher."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises `ConfigError` when the address cannot be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(1024)
        except OSError:
            listening.close()
            raise
    except OSError as error:
        raise ConfigError(
            f"The mail catcher cannot listen on {host} port {port}: {error.strerror or error}. "
            "Another program may use the port: stop it, or choose another port (0 takes a free one)."
        ) from error
    listening.setblocking(False)
    return listening


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
