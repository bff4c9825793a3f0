"""A few words with a broker in its own language: we log in, and ask for what Clarion will need there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import urlsplit

from clarion.brokers.base import Disconnected
from clarion.errors import ConfigError
from clarion.project.broker_urls import SCHEMES

#: A person waits for each answer.
PATIENCE_S: Final = 5.0


async def hello(address: str) -> str:
    """What the one server at *address* is, in words.

    Raises `Disconnected` when it does not answer; `ConfigError` when it does not let us in, or has not what is needed.
    """
    scheme = urlsplit(address).scheme
    (kind,) = (kind for kind, schemes in SCHEMES.items() if scheme in schemes)
    try:
        return await _HELLOS[kind](address)
    except ImportError:
        raise ConfigError(f"{kind} needs a package that is not installed: pip install 'clarion[{kind}]'") from None


async def _rabbitmq(address: str) -> str:
    from clarion.brokers.rabbitmq.connection import close, connect

    connection = await connect(address, "clarion doctor", patience_s=PATIENCE_S)
    try:
        transport = connection.transport
        told = transport.connection.server_properties if transport is not None else {}
        product, version = str(told.get("product", "AMQP")), str(told.get("version", "of an unknown version"))
        return f"{product} {version}, and lets us in"
    finally:
        await close(connection)


async def _nats(address: str) -> str:
    from nats.errors import Error
    from nats.js.errors import APIError

    from clarion.brokers.nats.connection import close, connect, why

    client = await connect(address, "clarion doctor", lambda _: None, patience_s=PATIENCE_S)
    try:
        told = client.connected_server_version
        version = f"{told.major}.{told.minor}.{told.patch}"
        try:
            async with asyncio.timeout(PATIENCE_S * 2):
                account = await client.jetstream(timeout=PATIENCE_S).account_info()
        except APIError as error:
            raise ConfigError(
                f"NATS {version} has no JetStream for us ({error.description or 'nobody answers for it'}): "
                "sources and sinks need it. Start the server with -js, and turn it on for this account"
            ) from None
        except (Error, TimeoutError) as error:
            said = why(client.last_error or error)
            if "permissions violation" in said.lower():  # it may do all that sources and sinks need, all the same
                return f"NATS {version}, and lets us in; JetStream it does not let us ask for ($JS.API.INFO)"
            raise Disconnected(f"NATS {version} does not answer for JetStream: {said}") from None
        return f"NATS {version} with JetStream ({account.streams} streams), and lets us in"
    finally:
        await close(client)


async def _redis(address: str) -> str:
    from clarion.brokers.bullmq.connection import Connection

    connection = Connection(address, name="clarion-doctor")
    try:
        await connection.open()
        version = await connection.check_version()
        await connection.call("PING")
        return f"Redis {version}, new enough for BullMQ, and lets us in"
    finally:
        await connection.close()


_HELLOS: Final[dict[str, Callable[[str], Awaitable[str]]]] = {"rabbitmq": _rabbitmq, "nats": _nats, "bullmq": _redis}
