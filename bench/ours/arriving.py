"""Messages that wait at a broker to be taken in: put there before anybody listens, and counted again at the end."""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from contextlib import suppress

import aio_pika
import nats
from nats.js.errors import NotFoundError
from redis.asyncio import Redis

from bench.mail import booking
from bench.stage import Stage
from clarion.brokers.nats import consumer
from clarion.brokers.rabbitmq import topology
from clarion.domain.source import BullSource, NatsSource, RabbitSource, Source

#: How many are handed to the broker before its word on them is awaited.
PAGE = 500


class Broker(ABC):
    """One queue of one broker, made anew by each `fill`."""

    #: For the command line of `bench.ours.adapter`, and the setting with the broker's address.
    kind: str
    setting: str
    #: What a binding listens to, in its own words, and as the adapter takes it.
    on: str
    spec: Source

    @abstractmethod
    async def url(self, stage: Stage) -> str:
        """Where it is; started with the first call."""

    @abstractmethod
    async def fill(self, url: str, count: int) -> None:
        """Make the queue as Clarion makes it, with *count* small messages in it and nothing else."""

    @abstractmethod
    async def left(self, url: str) -> int:
        """How many are there and not acknowledged. Only those handed to nobody, where the broker tells no more."""


class RabbitMQ(Broker):
    """A durable quorum queue; messages are persistent and have ids."""

    kind = "rabbitmq"
    setting = "CLARION_AMQP_URL"
    on = "rabbitmq: {queue: arrived}"
    spec = RabbitSource(queue="arrived")

    async def url(self, stage: Stage) -> str:
        return (await stage.rabbitmq()).url

    async def fill(self, url: str, count: int) -> None:
        async with await aio_pika.connect(url) as connection, connection.channel() as channel:
            await channel.queue_delete("arrived")
            await topology.prepare(connection, self.spec)
            for at in range(0, count, PAGE):
                async with asyncio.TaskGroup() as group:
                    for number in range(at, min(at + PAGE, count)):
                        new = aio_pika.Message(
                            message(number),
                            message_id=str(number),
                            content_type="application/json",
                            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
                        )
                        group.create_task(_confirmed(channel, new))

    async def left(self, url: str) -> int:
        async with await aio_pika.connect(url) as connection, connection.channel() as channel:
            queue = await channel.declare_queue("arrived", passive=True)
            return queue.declaration_result.message_count or 0


class JetStream(Broker):
    """A stream in files with a durable pull consumer; messages have ids."""

    kind = "nats"
    setting = "CLARION_NATS_URL"
    on = "nats: {stream: arrived, subjects: [arrived.here], durable: clarion}"
    spec = NatsSource(stream="arrived", subjects=["arrived.here"], durable="clarion")

    async def url(self, stage: Stage) -> str:
        return (await stage.nats()).url

    async def fill(self, url: str, count: int) -> None:
        client = await nats.connect(url)
        try:
            jetstream = client.jetstream()
            with suppress(NotFoundError):
                await jetstream.delete_stream("arrived")
            await consumer.prepare(jetstream, self.spec)
            for at in range(0, count, PAGE):
                async with asyncio.TaskGroup() as group:
                    for number in range(at, min(at + PAGE, count)):
                        headers = {"Nats-Msg-Id": str(number), "content-type": "application/json"}
                        sending = jetstream.publish("arrived.here", message(number), headers=headers, timeout=30)
                        group.create_task(sending)
        finally:
            await client.close()

    async def left(self, url: str) -> int:
        client = await nats.connect(url)
        try:
            info = await client.jetstream().consumer_info("arrived", "clarion")
            return (info.num_pending or 0) + (info.num_ack_pending or 0)
        finally:
            await client.close()


class BullMQ(Broker):
    """A queue of BullMQ whose jobs are completed when their trigger is on disk, and dropped then, as the peers do."""

    kind = "bullmq"
    setting = "CLARION_REDIS_URL"
    on = "bullmq: {queue: arrived, complete_on: accepted, concurrency: 1000}"
    spec = BullSource(queue="arrived", complete_on="accepted", concurrency=1000)

    async def url(self, stage: Stage) -> str:
        return (await stage.redis()).url

    async def fill(self, url: str, count: int) -> None:
        from bullmq import Queue

        async with Redis.from_url(url) as redis:
            await redis.flushall()
        queue = Queue("arrived", {"connection": url})
        try:
            for at in range(0, count, PAGE):
                jobs = [
                    {"name": "arrived", "data": data(number), "opts": {"removeOnComplete": True}}
                    for number in range(at, min(at + PAGE, count))
                ]
                await queue.addBulk(jobs)
        finally:
            await queue.close()

    async def left(self, url: str) -> int:
        async with Redis.from_url(url) as redis:
            return sum([await redis.llen(f"bull:arrived:{state}") for state in ("wait", "active")])


BROKERS: dict[str, Broker] = {broker.kind: broker for broker in (RabbitMQ(), JetStream(), BullMQ())}


def data(number: int) -> dict[str, object]:
    """What message *number* says: of a guest who is known already."""
    return {"n": number, "guest": str(booking.guest(0)["id"])}


def message(number: int) -> bytes:
    """The same as JSON."""
    return json.dumps(data(number)).encode()


async def _confirmed(channel: aio_pika.abc.AbstractChannel, message: aio_pika.Message) -> None:
    await channel.default_exchange.publish(message, routing_key="arrived", mandatory=True)
