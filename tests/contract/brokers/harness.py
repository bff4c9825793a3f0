"""What the suite for sources and sinks needs of a broker: one small object for each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import aio_pika
import msgpack  # type: ignore[import-untyped]
import nats.aio.client
import redis.asyncio
from tests.support.bullmq import LOCK, RESCUE_EVERY
from tests.support.nats import Nats
from tests.support.rabbitmq import RabbitMQ
from tests.support.redis import Redis
from tests.support.server import Server

from clarion.brokers.base import Delivery, Sink, Source
from clarion.brokers.bullmq import BullMQSink, BullMQSource
from clarion.brokers.bullmq.keys import Keys
from clarion.brokers.bullmq.scripts import bullmqs
from clarion.brokers.nats import JetStreamSource, NatsSink
from clarion.brokers.rabbitmq import RabbitMQSink, RabbitMQSource
from clarion.domain.outcome import Outcome, Retry, Uncertain
from clarion.domain.source import BullSource, NatsSource, RabbitSource
from clarion.domain.source import Source as Spec

#: What a source of the suite may hand over at most without being told what became of it.
BOUND = 20


class Broker(ABC):
    """One queue of one broker, of this test alone; sources and sinks of it as programs would open them."""

    server: Server
    #: The size of a large body that this broker takes.
    large = 1_000_000
    #: Whether a message with an id that was seen before is kept from us by the broker itself.
    keeps_repeats_back = False
    #: Whether messages have headers of their publisher's own.
    has_headers = True
    #: Whether what is not there can be declared by us, or only checked.
    declares = True
    #: What a sink says when the connection was lost before the confirm: where repeats add nothing, it may try again.
    unconfirmed: type[Outcome] = Uncertain
    #: How long the adapter waits for an answer: a setting of its module, in seconds.
    patience: str

    def __init__(self) -> None:
        self.name = f"t{uuid4().hex[:12]}"

    @property
    def url(self) -> str:
        return self.server.url

    @property
    @abstractmethod
    def target(self) -> Mapping[str, str]:
        """Where a sink must send to for a source to get it."""

    @property
    @abstractmethod
    def nowhere(self) -> Mapping[str, str]:
        """A target that nobody takes anything for."""

    @abstractmethod
    def spec(self, **changes: Any) -> Spec:
        """What a binding says of the queue, with at most `BOUND` in flight; *changes* of it."""

    @abstractmethod
    def source(self, *, url: str | None = None, **changes: Any) -> Source:
        """A source of the queue; *changes* of its `spec`."""

    @abstractmethod
    def bound_of(self, count: int) -> dict[str, Any]:
        """The change of the spec that lets so many be in flight."""

    def patient(self) -> dict[str, Any]:
        """The change of the spec with which nothing comes again by itself while the test lasts."""
        return {}

    @abstractmethod
    def sink(self, url: str | None = None) -> Sink:
        """A sink to this broker."""

    @abstractmethod
    async def put(self, *bodies: bytes, id: str | None = None, headers: Mapping[str, str] | None = None) -> None:
        """Publish with the broker's own client, as somebody else's program would."""

    def id_of(self, delivery: Delivery) -> str:
        """The id that its publisher gave it."""
        return delivery.id

    @abstractmethod
    async def repeat(self, bodies: Mapping[str, bytes]) -> None:
        """Have all of *bodies*, by their ids, delivered once more, as if nobody had ever taken them."""

    @abstractmethod
    async def waiting(self) -> int:
        """How many messages are still to be delivered; told when nobody reads, those without an acknowledgement too."""

    @abstractmethod
    async def failed(self) -> list[bytes]:
        """The bodies of what lies where the broker keeps messages that were given up."""

    @abstractmethod
    async def deafen(self) -> None:
        """Take the consumer away behind its back."""

    def through(self, port: int) -> str:
        """The broker's address by way of another port of this machine."""
        return self.url.replace(f":{self.server.port}", f":{port}")


class RabbitBroker(Broker):
    patience = "clarion.brokers.rabbitmq.source.PATIENCE_S"

    def __init__(self, server: RabbitMQ) -> None:
        super().__init__()
        self.server = server

    @property
    def target(self) -> Mapping[str, str]:
        return {"exchange": f"{self.name}.events", "routing_key": "order.created"}

    @property
    def nowhere(self) -> Mapping[str, str]:
        return {"routing_key": f"{self.name}.nobody"}

    def spec(self, **changes: Any) -> RabbitSource:
        spec: dict[str, Any] = {
            "queue": self.name,
            "exchange": f"{self.name}.events",
            "routing_keys": ["order.#"],
            "prefetch": BOUND,
        }
        return RabbitSource(**(spec | changes))

    def source(self, *, url: str | None = None, **changes: Any) -> RabbitMQSource:
        return RabbitMQSource(self.spec(**changes), url or self.url)

    def bound_of(self, count: int) -> dict[str, Any]:
        return {"prefetch": count}

    def sink(self, url: str | None = None) -> RabbitMQSink:
        return RabbitMQSink(url or self.url)

    async def put(self, *bodies: bytes, id: str | None = None, headers: Mapping[str, str] | None = None) -> None:
        async with await aio_pika.connect(self.url) as connection, connection.channel() as channel:
            exchange = await channel.get_exchange(f"{self.name}.events", ensure=False)
            for body in bodies:
                message = aio_pika.Message(body, message_id=id or uuid4().hex, headers=dict(headers or {}))
                message.delivery_mode = aio_pika.DeliveryMode.PERSISTENT
                await exchange.publish(message, "order.created")

    async def repeat(self, bodies: Mapping[str, bytes]) -> None:
        for id, body in bodies.items():
            await self.put(body, id=id)

    async def waiting(self) -> int:
        async with await aio_pika.connect(self.url) as connection, connection.channel() as channel:
            queue = await channel.declare_queue(self.name, passive=True)
            return queue.declaration_result.message_count or 0

    async def failed(self) -> list[bytes]:
        async with await aio_pika.connect(self.url) as connection, connection.channel() as channel:
            queue = await channel.get_queue(f"{self.name}.dead")
            found = []
            while (message := await queue.get(fail=False)) is not None:
                found.append(message.body)
            return found

    async def deafen(self) -> None:
        async with await aio_pika.connect(self.url) as connection, connection.channel() as channel:
            await channel.queue_delete(self.name)


class NatsBroker(Broker):
    keeps_repeats_back = True
    patience = "clarion.brokers.nats.source.PATIENCE_S"

    def __init__(self, server: Nats) -> None:
        super().__init__()
        self.server = server

    @property
    def target(self) -> Mapping[str, str]:
        return {"subject": f"{self.name}.created"}

    @property
    def nowhere(self) -> Mapping[str, str]:
        return {"subject": f"nobody.{self.name}"}

    def spec(self, **changes: Any) -> NatsSource:
        spec: dict[str, Any] = {
            "stream": self.name,
            "subjects": [f"{self.name}.>"],
            "durable": "clarion",
            "max_ack_pending": BOUND,
            "ack_wait": 2.0,
        }
        return NatsSource(**(spec | changes))

    def source(self, *, url: str | None = None, **changes: Any) -> JetStreamSource:
        return JetStreamSource(self.spec(**changes), url or self.url)

    def bound_of(self, count: int) -> dict[str, Any]:
        return {"max_ack_pending": count}

    def patient(self) -> dict[str, Any]:
        return {"ack_wait": 60.0}

    def sink(self, url: str | None = None) -> NatsSink:
        return NatsSink(url or self.url)

    async def put(self, *bodies: bytes, id: str | None = None, headers: Mapping[str, str] | None = None) -> None:
        client = await self.client()
        try:
            for body in bodies:
                given = dict(headers or {}) | ({"Nats-Msg-Id": id} if id else {})
                await client.jetstream().publish(f"{self.name}.created", body, headers=given or None, timeout=20)
        finally:
            await client.close()

    async def repeat(self, bodies: Mapping[str, bytes]) -> None:
        """Forget how far the consumer was: the stream still has all of them."""
        await self.deafen()

    async def waiting(self) -> int:
        client = await self.client()
        try:
            consumer = await client.jetstream().consumer_info(self.name, "clarion")
            return (consumer.num_pending or 0) + (consumer.num_ack_pending or 0)
        finally:
            await client.close()

    async def failed(self) -> list[bytes]:
        """JetStream has no place for them: they stay in the stream, and the consumer is past them."""
        client = await self.client()
        jetstream = client.jetstream()
        consumer = await jetstream.consumer_info(self.name, "clarion")
        found = []
        if not consumer.num_ack_pending and consumer.ack_floor is not None:
            for number in range(1, consumer.ack_floor.stream_seq + 1):
                found.append((await jetstream.get_msg(self.name, number)).data or b"")
        await client.close()
        return found

    async def deafen(self) -> None:
        client = await self.client()
        await client.jetstream().delete_consumer(self.name, "clarion")
        await client.close()

    async def client(self) -> nats.aio.client.Client:
        client = nats.aio.client.Client()
        await client.connect(self.url)
        return client


class BullBroker(Broker):
    keeps_repeats_back = True
    has_headers = False
    declares = False
    unconfirmed = Retry
    patience = "clarion.brokers.bullmq.connection.PATIENCE_S"

    def __init__(self, server: Redis) -> None:
        super().__init__()
        self.server = server

    @property
    def target(self) -> Mapping[str, str]:
        return {"queue": self.name, "job": "order.created"}

    @property
    def nowhere(self) -> Mapping[str, str]:
        return {"queue": "not:possible", "job": "order.created"}

    def spec(self, **changes: Any) -> BullSource:
        spec: dict[str, Any] = {"queue": self.name, "concurrency": BOUND}
        return BullSource(**(spec | changes))

    def source(self, *, url: str | None = None, **changes: Any) -> BullMQSource:
        return BullMQSource(self.spec(**changes), url or self.url, worker="test", lock=LOCK, rescue_every=RESCUE_EVERY)

    def bound_of(self, count: int) -> dict[str, Any]:
        return {"concurrency": count}

    def sink(self, url: str | None = None) -> BullMQSink:
        return BullMQSink(url or self.url)

    async def put(self, *bodies: bytes, id: str | None = None, headers: Mapping[str, str] | None = None) -> None:
        """By BullMQ's own script, not Node: any bytes can be the data."""
        async with redis.asyncio.Redis.from_url(self.url) as client:
            for body in bodies:
                seconds, micros = await client.time()
                await self._add(client, body, id or "", seconds * 1000 + micros // 1000)

    async def _add(self, client: Any, body: bytes, id: str, at: int) -> None:
        """A job that was made at *at* (ms)."""
        keys = Keys("bull", self.name)
        job = msgpack.packb([keys.base, id, "order.created", at])
        rest = (*keys.adding, job, body, msgpack.packb({}))
        await client.eval(bullmqs("addStandardJob-9").text, len(keys.adding), *rest)

    async def repeat(self, bodies: Mapping[str, bytes]) -> None:
        """Forget all jobs, as their age would have it, and add them again, made at the time at which they were."""
        keys = Keys("bull", self.name)
        async with redis.asyncio.Redis.from_url(self.url) as opened:
            client: Any = opened
            made = {id: int(await client.hget(keys.of(id)[0], "timestamp")) for id in bodies}
            for id in bodies:
                await client.delete(keys.of(id)[0])
            await client.delete(*keys.of("completed", "failed", "events"))
            for id, body in bodies.items():
                await self._add(client, body, id, made[id])

    async def waiting(self) -> int:
        keys = Keys("bull", self.name)
        async with redis.asyncio.Redis.from_url(self.url) as opened:
            client: Any = opened
            counts: list[int] = [await client.llen(key) for key in keys.of("wait", "active", "paused")]
            return sum(counts) + int(await client.zcard(keys.of("delayed")[0]))

    def id_of(self, delivery: Delivery) -> str:
        return delivery.id.partition("@")[0]

    async def failed(self) -> list[bytes]:
        keys = Keys("bull", self.name)
        async with redis.asyncio.Redis.from_url(self.url) as client:
            ids: list[Any] = await client.zrange(keys.of("failed")[0], 0, -1)
            found: list[Any] = [await client.hget(keys.of(id.decode())[0], "data") for id in ids]
            return found

    async def deafen(self) -> None:
        async with redis.asyncio.Redis.from_url(self.url) as client:
            for one in await client.client_list():
                if one["name"].endswith(":w:clarion:test"):
                    await client.client_kill_filter(_id=one["id"])
