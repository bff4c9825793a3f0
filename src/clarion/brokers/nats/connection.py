"""One connection to NATS, and its troubles in our words."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import nats.errors
from nats.aio.client import Client
from nats.aio.transport import TcpTransport

from clarion.brokers import encryption
from clarion.brokers.base import Disconnected
from clarion.errors import ConfigError

#: What connecting and what a question to JetStream may take.
PATIENCE_S = 10.0
#: A silent server is given up after three of these.
_PING_S = 10
#: What saying goodbye may take, before the connection is let go.
_GOODBYE_S = 3.0

#: What the client raises when the server is gone or silent.
LOST = (nats.errors.Error, OSError, TimeoutError)


async def connect(urls: str, name: str, on_lost: Callable[[str], None], *, patience_s: float = PATIENCE_S) -> Client:
    """A connection that is called *name* at the server; *on_lost* hears, once, when it has ended and why.

    It does not mend itself. *urls*: one address, or several of one cluster with commas. Raises `Disconnected`, or
    `ConfigError` where we are not let in, or cannot trust it.
    """
    client = _Client()
    servers, context, credentials = _addresses(urls)
    where = ", ".join(urlsplit(server).netloc for server in servers)

    async def on_closed() -> None:
        on_lost(str(client.last_error or "the connection was closed"))

    async def on_error(error: Exception) -> None:
        """What is wrong with the connection also ends it, and is told then; nothing else is of use."""

    try:
        async with asyncio.timeout(patience_s):
            await client.connect(
                servers,
                **credentials,
                tls=context,
                name=name,
                allow_reconnect=False,
                max_reconnect_attempts=1,
                reconnect_time_wait=0,
                connect_timeout=int(patience_s),
                ping_interval=_PING_S,
                closed_cb=on_closed,
                error_cb=on_error,
            )
    except TimeoutError as error:
        await client.drop()
        raise Disconnected(f"NATS at {where} did not answer within {patience_s:g} s") from error
    except (nats.errors.Error, OSError, ValueError) as error:
        await client.drop()
        said = why(client.last_error or error)
        if "authorization" in said.lower():
            raise ConfigError(f"NATS at {where} does not let us in: check user and password, or the token.") from error
        fault = str(error) if isinstance(error, _NotEncrypted) else encryption.refusal(error)
        if fault is not None:
            raise ConfigError(f"NATS at {where} cannot be used: {fault}.") from error
        raise Disconnected(f"NATS at {where} cannot be reached: {said}") from error
    except asyncio.CancelledError:  # half a connection, or one that nobody will hear of
        await client.drop()
        raise
    return client


class _NotEncrypted(nats.errors.Error):
    """A server that offers no encryption where we want it."""


class _Client(Client):
    """Encrypts what goes to ``tls://``, or sends nothing there: by itself the client does as the server likes."""

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        """Called with the first thing a server says, before anything is said to it."""
        assert self._current_server is not None
        if initial_connection and self._current_server.uri.scheme == "tls" and not info.get("tls_required"):
            if not info.get("tls_available"):
                raise _NotEncrypted("it offers no encryption, which tls:// requires")
            info["tls_required"] = True
        await super()._process_info(info, initial_connection)

    async def drop(self) -> None:
        """Let go of a connection that was never one: after a failed handshake a goodbye waits for its own end."""
        if isinstance(self._transport, TcpTransport) and (writer := self._transport._bare_io_writer) is not None:
            writer.transport.abort()
        else:
            await close(self)


def _addresses(urls: str) -> tuple[list[str], ssl.SSLContext | None, dict[str, Any]]:
    """The servers alone, how they are verified, and what lets us in as the client's arguments.

    In addresses it would not decode ``%40``. What one address says of that holds for all.
    """
    servers: list[str] = []
    credentials: dict[str, Any] = {}
    options: dict[str, str] = {}
    for url in urls.split(","):
        plain, some = encryption.split(url.strip())
        options |= some
        parts = urlsplit(plain)
        before, _, host = parts.netloc.rpartition("@")
        user, colon, password = before.partition(":")
        if colon:
            credentials = {"user": unquote(user), "password": unquote(password)}
        elif user:
            credentials = {"token": unquote(user)}
        servers.append(urlunsplit(parts._replace(netloc=host)))
    context = encryption.context(options) if any(map(encryption.is_encrypted, servers)) else None
    return servers, context, credentials


async def close(client: Client | None) -> None:
    """Say goodbye; let go where nobody answers. Never raises."""
    if client is None or client.is_closed:
        return
    with suppress(Exception):
        async with asyncio.timeout(_GOODBYE_S):
            await client.close()


def why(error: BaseException) -> str:
    """What *error* says, in one line."""
    return str(error) or type(error).__name__
