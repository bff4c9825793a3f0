"""What a source needs at JetStream: a stream and a durable pull consumer, made, or checked to be there."""

from __future__ import annotations

import nats.errors
import structlog
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, ConsumerInfo, DeliverPolicy, StorageType, StreamConfig
from nats.js.errors import APIError, NotFoundError, ServiceUnavailableError

from clarion.brokers.base import Disconnected
from clarion.domain.source import NatsSource
from clarion.errors import ConfigError

log = structlog.get_logger()


async def prepare(jetstream: JetStreamContext, spec: NatsSource) -> None:
    """Make or check what *spec* names. What is there already is used as it is.

    Raises `Disconnected`; `ConfigError` for what is missing, refused, or is no consumer that can be used.
    """
    try:
        await _stream(jetstream, spec)
        consumer = await _consumer(jetstream, spec)
    except (ServiceUnavailableError, nats.errors.NoRespondersError) as error:
        raise Disconnected(f"{spec.name}: JetStream does not answer; is it enabled, for this account too?") from error
    except (APIError, ValueError) as error:
        raise ConfigError(f"JetStream refuses what the source {spec.name} needs: {error}") from error
    _must_fit(consumer, spec)


async def _stream(jetstream: JetStreamContext, spec: NatsSource) -> None:
    try:
        await jetstream.stream_info(spec.stream)
    except NotFoundError:
        if not spec.declare:
            raise ConfigError(
                f"NATS has no stream {spec.stream!r}: make it, or let Clarion make it with `declare: true`."
            ) from None
        await jetstream.add_stream(
            StreamConfig(name=spec.stream, subjects=list(spec.subjects), storage=StorageType.FILE)
        )


async def _consumer(jetstream: JetStreamContext, spec: NatsSource) -> ConsumerInfo:
    try:
        found: ConsumerInfo = await jetstream.consumer_info(spec.stream, spec.durable)
        return found
    except NotFoundError:
        if not spec.declare:
            raise ConfigError(
                f"The stream {spec.stream!r} has no consumer {spec.durable!r}: make it, or let Clarion make it with "
                "`declare: true`."
            ) from None
    config = ConsumerConfig(
        durable_name=spec.durable,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=spec.ack_wait,
        max_ack_pending=spec.max_ack_pending,
        deliver_policy=DeliverPolicy(spec.deliver),
    )
    if len(spec.subjects) == 1:
        config.filter_subject = spec.subjects[0]
    elif spec.subjects:
        config.filter_subjects = list(spec.subjects)
    made: ConsumerInfo = await jetstream.add_consumer(spec.stream, config)
    return made


def _must_fit(consumer: ConsumerInfo, spec: NatsSource) -> None:
    config = consumer.config
    if config.deliver_subject:
        fault = "it is a push consumer"
    elif config.ack_policy != AckPolicy.EXPLICIT:
        fault = f"its ack policy is {config.ack_policy}"
    else:
        if (config.ack_wait, config.max_ack_pending) != (spec.ack_wait, spec.max_ack_pending):
            log.warning(
                "source.used_as_it_is",
                source=spec.name,
                what=f"consumer {spec.durable}",
                reason=f"ack_wait is {config.ack_wait:g} s, max_ack_pending {config.max_ack_pending}",
            )
        return
    raise ConfigError(
        f"The consumer {spec.durable!r} of the stream {spec.stream!r} cannot be used: {fault}. Clarion needs a pull "
        "consumer with explicit acks: name another durable, or delete this one."
    )
