"""A server that offers STARTTLS (RFC 3207), and its certificate, which may be renewed while it runs."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import structlog

from clarion.errors import ConfigError
from clarion.smtp.commands import Refusal
from clarion.smtp.intake import Intake, Limits, Manners
from clarion.smtp.session import Connection

log = structlog.get_logger()

#: How long a client may take to agree on keys.
_HANDSHAKE_S: Final = 20.0
#: And how long to say that it goes.
_GOODBYE_S: Final = 5.0
_OFFER: Final = b"\r\n250-STARTTLS"


class Certificate:
    """A certificate with its chain, and its key: PEM files, read anew when they have changed."""

    def __init__(self, certificate: str, key: str) -> None:
        """Raises `ConfigError` where they cannot be used."""
        self._paths = certificate, key
        self._seen = self._stamp()
        try:
            self._context = self._load()
        except (OSError, ValueError) as error:
            raise ConfigError(f"the certificate {certificate} cannot be used with the key {key}: {error}") from None

    @property
    def context(self) -> ssl.SSLContext:
        """How to encrypt now. Files that cannot be used leave it as it was."""
        if (stamp := self._stamp()) != self._seen:
            self._seen = stamp
            try:
                self._context = self._load()
            except (OSError, ValueError) as error:
                log.warning("bounces.certificate_unusable", file=self._paths[0], error=str(error))
        return self._context

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # No pass phrase is asked for: there is nobody to answer.
        context.load_cert_chain(*self._paths, password="")
        return context

    def _stamp(self) -> tuple[tuple[int, int, int], ...]:
        with suppress(OSError):
            return tuple((at.st_mtime_ns, at.st_ino, at.st_size) for at in (Path(one).stat() for one in self._paths))
        return ()


class Encryptable(Connection):
    """One client, who may ask for encryption. What was said before is forgotten then, and what follows in the clear is
    not heard: nobody on the way can put words into what is encrypted (RFC 3207 §4.2, §6)."""

    def __init__(
        self,
        intake: Intake,
        limits: Limits,
        connections: set[Connection],
        manners: Manners,
        *,
        certificate: Certificate,
        run: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        """*run* has a coroutine run, and cancels it when the server ends."""
        super().__init__(intake, limits, connections, manners)
        self._certificate = certificate
        self._run = run
        self._agreed = False  #: encryption was asked for, and nothing that comes in the clear counts any more
        self._early: bytearray | None = None  #: what comes encrypted before we know that it is
        self.encrypted = False

    def data_received(self, data: bytes) -> None:
        if not self._agreed:
            super().data_received(data)
        elif self._early is not None:
            self._early += data

    def answer(self, first_id: int | None) -> None:
        """See `Answering`."""
        super().answer(first_id)
        if self._agreed and not self._closing:
            self._transport.pause_reading()  # which an answer to mails before it may have ended
            self._run(self._encrypt())

    def resume_writing(self) -> None:
        if not self._agreed:
            super().resume_writing()

    def close(self, reason: bytes) -> None:
        """End the conversation with *reason*; in the middle of agreeing on keys, without."""
        if self._early is None:
            super().close(reason)
        else:
            self._closing = True
            self._transport.abort()

    def _take_command(self, text: bytes | bytearray, start: int) -> int:
        if self._agreed:
            return len(text) if start < len(text) else -1
        return super()._take_command(text, start)

    def _ehlo(self, line: bytes) -> bytes:
        said = super()._ehlo(line)
        return said if self.encrypted else said.replace(b"\r\n250 ", _OFFER + b"\r\n250 ")

    def _other(self, line: bytes) -> bytes:
        if line[:8].upper() != b"STARTTLS" or line[8:9] not in (b"", b" "):
            return super()._other(line)
        if line[8:].strip():
            raise Refusal(b"501 5.5.4 STARTTLS takes no argument")
        if self.encrypted:
            raise Refusal(b"503 5.5.1 It is encrypted already")
        self._agreed = True
        self._transport.pause_reading()
        return b"220 2.0.0 Go ahead"

    async def _encrypt(self) -> None:
        early = self._early = bytearray()
        context = self._certificate.context
        try:
            secured = await self._loop.start_tls(
                self._transport,
                self,
                context,
                server_side=True,
                ssl_handshake_timeout=_HANDSHAKE_S,
                ssl_shutdown_timeout=_GOODBYE_S,
            )
        except OSError as error:  # and what TLS has against it
            log.info("bounces.not_encrypted", error=str(error) or type(error).__name__)
            self._transport.abort()
            self.connection_lost(error)
            return
        if secured is None or self._transport.is_closing():
            self._transport.abort()
            self.connection_lost(None)
            return
        self._transport = secured
        self._rest.clear()
        self._rset(b"")
        self._greeted, self._agreed, self.encrypted = False, False, True
        self._early = None
        if early:
            super().data_received(bytes(early))
