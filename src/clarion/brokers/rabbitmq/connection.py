"""One connection to RabbitMQ, and its troubles in our words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import aio_pika
import aiormq
from aio_pika.abc import AbstractChannel, AbstractConnection
from aiormq.abc import AbstractChannel as Channel
from yarl import URL

from clarion.brokers import encryption
from clarion.brokers.base import Disconnected
from clarion.brokers.rabbitmq.tolerance import tolerate
from clarion.errors import ConfigError

#: What a call to the broker may take.
PATIENCE_S = 15.0
#: The broker gives up a silent client after twice this, the client a silent broker after thrice.
_HEARTBEAT_S = 15
#: What saying goodbye may take, before the connection is cut.
_GOODBYE_S = 3.0

#: What the client raises when the connection or the channel is gone.
LOST = (aiormq.exceptions.AMQPError, aiormq.exceptions.ChannelInvalidStateError, OSError, RuntimeError)


async def connect(url: str, name: str, *, patience_s: float = PATIENCE_S) -> AbstractConnection:
    """A connection that is called *name* at the broker.

    It does not mend itself: a client that reconnects behind our back can come back without its consumer. Raises
    `Disconnected`, or `ConfigError` where we are not let in, or cannot trust it.
    """
    tolerate()
    plain, options = encryption.split(url)
    context = encryption.context(options) if encryption.is_encrypted(url) else None
    address = URL(plain)
    where = f"{address.host}:{address.port or (5671 if context else 5672)}"
    if "heartbeat" not in address.query:
        address = address.update_query(heartbeat=_HEARTBEAT_S)
    connection = aio_pika.Connection(address, client_properties={"connection_name": name}, ssl_context=context)
    try:
        async with _or_not_at_all(connection), asyncio.timeout(patience_s):
            await connection.connect()
            return connection
    except (aiormq.exceptions.ProbableAuthenticationError, aiormq.exceptions.AuthenticationError) as error:
        raise ConfigError(f"RabbitMQ at {where} does not let {address.user!r} in: check user and password.") from error
    except aiormq.exceptions.InvalidFrameError as error:
        # The client does not tell why the broker closed the connection instead of opening the virtual host.
        raise ConfigError(
            f"RabbitMQ at {where} does not let {address.user!r} use the virtual host {address.path or '/'!r}: "
            "it may not exist or be down, the user may have no permissions there, or too many connections."
        ) from error
    except TimeoutError as error:
        raise Disconnected(f"RabbitMQ at {where} did not answer within {patience_s:g} s") from error
    except LOST as error:
        if (fault := encryption.refusal(error)) is not None:
            raise ConfigError(f"RabbitMQ at {where} cannot be used: {fault}.") from error
        raise Disconnected(f"RabbitMQ at {where} cannot be reached: {encryption.cut_off(plain, str(error))}") from error


@asynccontextmanager
async def scratch(connection: AbstractConnection) -> AsyncIterator[AbstractChannel]:
    """A channel for one question: one that RabbitMQ refuses closes its channel."""
    channel = await connection.channel(publisher_confirms=False)
    try:
        yield channel
    finally:
        with suppress(*LOST):
            await channel.close()


async def underlying(channel: AbstractChannel) -> Channel:
    """The channel of the protocol itself: it makes less of a message than the one around it does."""
    return await channel.get_underlay_channel()


async def close(connection: AbstractConnection | None) -> None:
    """Say goodbye; cut the connection where nobody answers. Never raises."""
    if connection is None or connection.is_closed:
        return
    async with _or_not_at_all(connection):
        with suppress(Exception):
            async with asyncio.timeout(_GOODBYE_S):
                await connection.close()


@asynccontextmanager
async def _or_not_at_all(connection: AbstractConnection) -> AsyncIterator[None]:
    """What is done within leaves *connection* open and whole, or closed.

    One that is neither would be closed by the garbage collector, wherever that runs, and also where no loop does.
    """
    try:
        yield
    finally:
        if connection.transport is None and not connection.is_closed:
            await connection.close()


def why(error: BaseException) -> str:
    """What *error* says, in one line."""
    return str(error) or type(error).__name__
