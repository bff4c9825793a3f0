"""RabbitMQ as a sink: publications with confirms."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import aiormq
from aio_pika.abc import AbstractConnection
from aiormq.abc import AbstractChannel as Channel
from aiormq.exceptions import ChannelAccessRefused, ChannelNotFoundEntity, ChannelPreconditionFailed
from pamqp.commands import Basic

from clarion.brokers.base import Disconnected, Publication, Sink
from clarion.brokers.rabbitmq.connection import LOST, close, connect, scratch, underlying, why
from clarion.domain.outcome import Outcome, Reject, Retry, Sent, Uncertain
from clarion.errors import ConfigError

#: How long the broker may take to confirm. A quorum queue does when most of its nodes have it on disk.
_CONFIRM_S = 30.0
_PERSISTENT = 2
#: What the protocol has room for in an exchange's name and a routing key, in bytes.
_SHORT = 255
#: How long everybody waits for a broker that is out of memory or disk, and for one that does not let us in.
_BLOCKED = timedelta(seconds=10)
_NOT_LET_IN = timedelta(seconds=60)


class RabbitMQSink(Sink):
    """Publishes to exchanges, persistent and mandatory; a batch is confirmed together."""

    kind = "rabbitmq"

    def __init__(self, url: str) -> None:
        self._url = url
        self._opening = asyncio.Lock()
        self._connection: AbstractConnection | None = None
        self._channel: Channel | None = None
        #: Exchanges that were seen to be there, on this connection: publishing to one that is not costs the channel.
        self._known: set[str] = set()

    async def publish(self, publications: Sequence[Publication]) -> list[Outcome]:
        outcomes: dict[int, Outcome] = {}
        for index, one in enumerate(publications):
            if (fault := _fault(one)) is not None:
                outcomes[index] = fault
        rest = [index for index in range(len(publications)) if index not in outcomes]
        if rest:
            given = await self._publish([publications[index] for index in rest])
            outcomes.update(zip(rest, given, strict=True))
        return [outcomes[index] for index in range(len(publications))]

    async def close(self) -> None:
        connection, self._connection, self._channel = self._connection, None, None
        await close(connection)

    async def _publish(self, publications: Sequence[Publication]) -> list[Outcome]:
        outcomes: list[Outcome] = []
        try:
            async with self._opening:
                channel = await self._ready()
                if await self._blocked():
                    why_not = "RabbitMQ takes no messages now: it is short of memory or disk"
                    return [Retry(why_not, after=_BLOCKED, pause_provider=True) for _ in publications]
                missing = await self._missing({one.target.get("exchange", "") for one in publications})
        except ConfigError as error:
            return [Retry(error.message, after=_NOT_LET_IN, pause_provider=True) for _ in publications]
        except (Disconnected, TimeoutError, *LOST) as error:
            return [Retry(f"RabbitMQ cannot be reached: {why(error)}") for _ in publications]
        async with asyncio.TaskGroup() as group:
            tasks = [
                None if one.target.get("exchange", "") in missing else group.create_task(self._send(channel, one))
                for one in publications
            ]
        for one, task in zip(publications, tasks, strict=True):
            if task is None:
                outcomes.append(Retry(_no_exchange(one.target["exchange"])))
            else:
                outcomes.append(task.result())
        return outcomes

    async def _send(self, channel: Channel, one: Publication) -> Outcome:
        """Publish one and wait for its confirm."""
        properties = Basic.Properties(
            message_id=one.id,
            content_type=one.content_type,
            delivery_mode=_PERSISTENT,
            headers=dict(one.headers) or None,
        )
        exchange, key = one.target.get("exchange", ""), one.target.get("routing_key", "")
        try:
            if channel.is_closed:
                return Retry("RabbitMQ closed the channel")
            await channel.basic_publish(
                one.body, exchange=exchange, routing_key=key, properties=properties, mandatory=True, timeout=_CONFIRM_S
            )
        except TimeoutError:
            return Uncertain(f"RabbitMQ did not confirm within {_CONFIRM_S:g} s")
        except LOST as error:
            return self._outcome(error, one)
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            return Uncertain("the connection was lost before RabbitMQ confirmed")
        return Sent("confirmed")

    def _outcome(self, error: Exception, one: Publication) -> Outcome:
        """What the client's *error* means for *one*."""
        exchange, key = one.target.get("exchange", ""), one.target.get("routing_key", "")
        match error:
            case aiormq.exceptions.PublishError():
                # Bindings come and go, and a broker that starts again may have none for a moment.
                return Retry(f"unroutable: no queue is bound to exchange {exchange!r} for {key!r}")
            case aiormq.exceptions.DeliveryError():
                return Retry("RabbitMQ could not take it: the queue is full, or not enough of its nodes are there")
            case ChannelNotFoundEntity():
                return self._refused(error, exchange, Retry(_no_exchange(exchange)))
            case ChannelAccessRefused():
                return self._refused(error, exchange, Retry(f"RabbitMQ does not let us publish: {error}", _NOT_LET_IN))
            case ChannelPreconditionFailed():
                return _too_large(error, one)
        return Uncertain(f"the connection was lost before RabbitMQ confirmed: {why(error)}")

    def _refused(self, error: Exception, exchange: str, outcome: Outcome) -> Outcome:
        """The channel was closed for one exchange; nothing to it was taken, and nobody knows of the others."""
        self._known.discard(exchange)
        if f"'{exchange}'" in str(error):
            return outcome
        return Uncertain(f"RabbitMQ closed the channel for another message before it confirmed: {error}")

    async def _ready(self) -> Channel:
        """The channel, opened where there is none that works."""
        if self._channel is not None and not self._channel.is_closed:
            return self._channel
        if self._connection is None or self._connection.is_closed or not self._connection.connected.is_set():
            await self.close()
            self._connection = await connect(self._url, "clarion sink")
        self._known = {""}
        self._channel = await underlying(await self._connection.channel(on_return_raises=True))
        return self._channel

    async def _blocked(self) -> bool:
        """Whether the broker has said that it takes nothing, because it is short of memory or disk."""
        assert self._connection is not None
        transport = self._connection.transport
        assert transport is not None
        try:
            async with asyncio.timeout(0):
                await transport.connection.ready()
        except TimeoutError:
            return True
        return False

    async def _missing(self, exchanges: set[str]) -> set[str]:
        """Those of *exchanges* that are not there."""
        assert self._connection is not None
        missing = set()
        for exchange in exchanges - self._known:
            try:
                async with scratch(self._connection) as channel:
                    await (await underlying(channel)).exchange_declare(exchange, passive=True)
            except ChannelNotFoundEntity:
                missing.add(exchange)
            except ChannelAccessRefused:
                self._known.add(exchange)
            else:
                self._known.add(exchange)
        return missing


def _fault(one: Publication) -> Reject | None:
    """What is wrong with where it shall go."""
    exchange, key = one.target.get("exchange", ""), one.target.get("routing_key", "")
    if not exchange and not key:
        return Reject("neither an exchange nor a routing key (with the default exchange: the queue) is given", "target")
    for name, value in (("exchange", exchange), ("routing_key", key), ("id", one.id)):
        if len(value.encode(errors="replace")) > _SHORT:
            return Reject(f"the {name} has more than {_SHORT} bytes", "target")
    return None


def _no_exchange(name: str) -> str:
    return f"RabbitMQ has no exchange {name!r}: it may yet be made"


def _too_large(error: Exception, one: Publication) -> Outcome:
    if "size" in str(error) and str(len(one.body)) in str(error):
        return Reject(f"RabbitMQ takes no message of this size: {error}", "too_large")
    return Uncertain(f"RabbitMQ closed the channel for another message before it confirmed: {error}")
