"""What a source needs at the broker: made, or checked to be there."""

from __future__ import annotations

from typing import Any

import aiormq
import structlog
from aio_pika.abc import AbstractConnection

from clarion.brokers.rabbitmq.connection import scratch, underlying
from clarion.domain.source import RabbitSource
from clarion.errors import ConfigError

log = structlog.get_logger()

#: What a queue is bound with where the binding names no routing keys, by the type of its exchange.
_EVERYTHING = {"topic": "#", "fanout": "", "headers": ""}


async def prepare(connection: AbstractConnection, spec: RabbitSource) -> None:
    """Make or check what *spec* names. Raises `ConfigError` for what is missing, refused or cannot be used.

    What is there already with other arguments is used as it is: a queue's arguments cannot be changed, and its
    producers may rely on them.
    """
    try:
        if spec.declare:
            await _declare(connection, spec)
        else:
            await _check(connection, spec)
    except aiormq.exceptions.ChannelAccessRefused as error:
        raise ConfigError(
            f"RabbitMQ refuses what the source {spec.name} needs: {error}. Grant the user configure, write and read "
            "on these names, or make them yourself and set `declare: false`."
        ) from error
    except aiormq.exceptions.ChannelLockedResource as error:
        raise ConfigError(f"The queue {spec.queue!r} belongs to another connection alone: {error}") from error


async def _check(connection: AbstractConnection, spec: RabbitSource) -> None:
    await _must_exist(connection, "queue", spec.queue)
    if spec.exchange:
        await _must_exist(connection, "exchange", spec.exchange)


async def _declare(connection: AbstractConnection, spec: RabbitSource) -> None:
    if spec.exchange:
        await _exchange(connection, spec, spec.exchange, spec.exchange_type)
    if await _queue(connection, spec, spec.queue, _arguments(spec)) and (dead := dead_letter_exchange(spec)):
        await _dead_letters(connection, spec, dead)
    if spec.exchange:
        for key in spec.routing_keys or (_EVERYTHING.get(spec.exchange_type, spec.queue),):
            await _bind(connection, spec.queue, spec.exchange, key)


def dead_letter_exchange(spec: RabbitSource) -> str:
    """The name of the exchange that refused messages go to; "" where there is to be none."""
    return f"{spec.queue}.dead" if spec.dead_letter_exchange is None else spec.dead_letter_exchange


def _arguments(spec: RabbitSource) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    if spec.queue_type != "classic":
        arguments["x-queue-type"] = spec.queue_type
        arguments["x-delivery-limit"] = spec.delivery_limit
    if dead := dead_letter_exchange(spec):
        arguments["x-dead-letter-exchange"] = dead
    return arguments


async def _dead_letters(connection: AbstractConnection, spec: RabbitSource, name: str) -> None:
    """The exchange, and a queue that keeps what goes there. One that somebody else made is left as it is."""
    if spec.dead_letter_exchange is not None and await _exists(connection, "exchange", name):
        return
    queue = f"{spec.queue}.dead"
    await _exchange(connection, spec, name, "fanout")
    await _queue(connection, spec, queue, {"x-queue-type": "quorum"} if spec.queue_type == "quorum" else {})
    await _bind(connection, queue, name, "")


async def _exchange(connection: AbstractConnection, spec: RabbitSource, name: str, type: str) -> None:
    try:
        async with scratch(connection) as channel:
            await (await underlying(channel)).exchange_declare(name, exchange_type=type, durable=True)
    except aiormq.exceptions.ChannelPreconditionFailed as error:
        _as_it_is(spec, f"exchange {name}", error)
        await _must_exist(connection, "exchange", name)


async def _queue(connection: AbstractConnection, spec: RabbitSource, name: str, arguments: dict[str, Any]) -> bool:
    """Whether it is there as we would make it; if not, it is there all the same."""
    try:
        async with scratch(connection) as channel:
            await (await underlying(channel)).queue_declare(name, durable=True, arguments=arguments)
    except aiormq.exceptions.ChannelPreconditionFailed as error:
        _as_it_is(spec, f"queue {name}", error)
        await _must_exist(connection, "queue", name)
        return False
    return True


async def _bind(connection: AbstractConnection, queue: str, exchange: str, key: str) -> None:
    async with scratch(connection) as channel:
        await (await underlying(channel)).queue_bind(queue, exchange, key)


async def _exists(connection: AbstractConnection, what: str, name: str) -> bool:
    try:
        async with scratch(connection) as channel:
            if what == "queue":
                await (await underlying(channel)).queue_declare(name, passive=True)
            else:
                await (await underlying(channel)).exchange_declare(name, passive=True)
    except aiormq.exceptions.ChannelNotFoundEntity:
        return False
    return True


async def _must_exist(connection: AbstractConnection, what: str, name: str) -> None:
    if not await _exists(connection, what, name):
        raise ConfigError(f"RabbitMQ has no {what} {name!r}: make it, or let Clarion make it with `declare: true`.")


def _as_it_is(spec: RabbitSource, what: str, error: Exception) -> None:
    log.warning("source.used_as_it_is", source=spec.name, what=what, reason=str(error))
