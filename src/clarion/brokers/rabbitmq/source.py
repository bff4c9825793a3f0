"""A queue of RabbitMQ as a source."""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from aio_pika.abc import AbstractConnection
from aiormq.abc import AbstractChannel as Channel
from aiormq.abc import DeliveredMessage

from clarion.brokers.base import Delivery, Disconnected, Source
from clarion.brokers.rabbitmq.connection import LOST, PATIENCE_S, close, connect, scratch, underlying, why
from clarion.brokers.rabbitmq.incoming import Expected, Ids, headers_of
from clarion.brokers.rabbitmq.tags import Tags, Token
from clarion.brokers.rabbitmq.topology import prepare
from clarion.clock import monotonic
from clarion.domain.source import RabbitSource

#: At most so many are handed over as one list.
_BATCH = 500
#: How long company is awaited for a message that has come, again and again while some comes, and at most: each is read
#: in several steps of the event loop, and a long list costs less a message than a short one.
_GATHER_S, _GATHER_MOST_S = 0.002, 0.01
#: How long a message is held back at most before it is given back: RabbitMQ itself cannot wait.
_HOLD_S = 60.0

#: By name and address of a source: what a consumer left behind that lost its connection, for the one that follows.
_EXPECTED: dict[tuple[str, str], Expected] = {}


class RabbitMQSource(Source):
    """Consumes one queue over a connection and a channel of its own.

    Acknowledgements of neighbours go as one frame. What is given back with a delay is held here for it, unacknowledged,
    and so counts as handed over.
    """

    def __init__(self, spec: RabbitSource, url: str) -> None:
        self.name = spec.name
        self._spec = spec
        self._url = url
        self._ids = Ids(_EXPECTED.setdefault((spec.name, url), Expected()))
        self._connection: AbstractConnection | None = None
        self._channel: Channel | None = None
        self._arrived: deque[DeliveredMessage] = deque()
        self._news = asyncio.Event()
        self._lost: str | None = None
        self._closed = False
        self._open = Tags()
        #: When to give back which tags.
        self._held: list[tuple[float, int]] = []
        self._received = 0
        #: How many had been received at the last check, if there were more to be had then.
        self._idle_at: int | None = None

    async def open(self) -> None:
        self._connection = connection = await connect(self._url, self.name)
        try:
            async with asyncio.timeout(PATIENCE_S * 2):
                await prepare(connection, self._spec)
                channel = await underlying(await connection.channel(publisher_confirms=False))
                channel.closing.add_done_callback(self._on_closing)
                channel.on_consumer_cancel_callbacks.add(self._on_cancel)
                await channel.basic_qos(prefetch_count=self._spec.prefetch)
                self._channel = channel
                await channel.basic_consume(self._spec.queue, self._on_message)
        except TimeoutError as error:
            await self.close()
            raise Disconnected(f"RabbitMQ did not answer while {self.name} was opened") from error
        except LOST as error:
            await self.close()
            raise Disconnected(f"{self.name} cannot be opened: {why(error)}") from error
        except BaseException:
            await self.close()
            raise

    async def batches(self) -> AsyncIterator[Sequence[Delivery]]:
        while not self._closed:
            self._raise_if_lost()
            pause = await self._give_back_due()
            if self._arrived:
                await self._gather()
                yield [self._take(self._arrived.popleft()) for _ in range(min(len(self._arrived), _BATCH))]
                continue
            self._news.clear()
            try:
                async with asyncio.timeout(pause):
                    await self._news.wait()
            except TimeoutError:
                continue

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        channel = self._speak()
        await self._send(self._open.of(deliveries, channel), lambda tag, many: channel.basic_ack(tag, multiple=many))

    async def nack(self, deliveries: Sequence[Delivery], *, after: timedelta | None = None) -> None:
        channel = self._speak()
        if after is not None and after > timedelta():
            due = monotonic() + min(after.total_seconds(), _HOLD_S)
            for tag in self._open.of(deliveries, channel):
                heapq.heappush(self._held, (due, tag))
            self._news.set()
        else:
            await self._give_back(self._open.of(deliveries, channel))

    async def fail(self, delivery: Delivery, reason: str) -> None:
        """Refuse it: RabbitMQ moves it to the queue's dead-letter exchange, or drops it where there is none."""
        channel = self._speak()
        await self._send(
            self._open.of([delivery], channel), lambda tag, many: channel.basic_nack(tag, multiple=many, requeue=False)
        )

    async def check(self) -> None:
        """Ask for the queue over a channel of its own, and then over the consumer's.

        Deaf is also a queue's only consumer that gets nothing from one check to the next while messages wait and it has
        room for them. (With others there it may be one that stands by.)
        """
        channel, connection = self._speak(), self._connection
        assert connection is not None
        async with self._asking():
            async with scratch(connection) as other:
                queue = await (await underlying(other)).queue_declare(self._spec.queue, passive=True)
            await channel.basic_qos(prefetch_count=self._spec.prefetch)
        if not queue.consumer_count:
            self._lose("the queue has no consumer any more")
        has_room = len(self._open) + len(self._arrived) < self._spec.prefetch
        waits = bool(queue.message_count) and queue.consumer_count == 1 and has_room
        if waits and self._idle_at == self._received:
            self._lose(f"{queue.message_count} messages wait in the queue, and none comes")
        self._idle_at = self._received if waits else None
        self._raise_if_lost()

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._ids.disconnected()
            self._news.set()
        await close(self._connection)

    async def _on_message(self, message: DeliveredMessage) -> None:
        self._received += 1
        self._arrived.append(message)
        self._news.set()

    async def _on_cancel(self, _: object) -> None:
        self._lose("the broker cancelled the consumer: the queue may have been deleted")

    def _on_closing(self, closing: asyncio.Future[object]) -> None:
        error = None if closing.cancelled() else closing.exception()
        self._lose(f"the connection was lost: {why(error) if error else 'closed'}")

    def _lose(self, reason: str) -> None:
        if self._lost is None:
            self._lost = reason
            self._ids.disconnected()
        self._news.set()

    def _raise_if_lost(self) -> None:
        if self._lost is not None and not self._closed:
            raise Disconnected(f"{self.name}: {self._lost}")

    def _speak(self) -> Channel:
        """The channel, if it can be spoken over."""
        if self._closed:
            raise Disconnected(f"{self.name} is closed")
        self._raise_if_lost()
        if self._channel is None or self._channel.is_closed:
            raise Disconnected(f"{self.name} is not open")
        return self._channel

    async def _gather(self) -> None:
        """Let the list grow that has begun, while it does. Raises `Disconnected`."""
        until, had = monotonic() + _GATHER_MOST_S, 0
        while had < len(self._arrived) < _BATCH and monotonic() < until:
            had = len(self._arrived)
            await asyncio.sleep(_GATHER_S)
            self._raise_if_lost()

    def _take(self, message: DeliveredMessage) -> Delivery:
        headers = headers_of(message)
        tag, body = message.delivery_tag or 0, bytes(message.body)
        id = self._ids.of(message, headers, body)
        self._open.add(tag, id)
        return Delivery(
            id=id,
            body=body,
            subject=message.routing_key or "",
            headers=headers,
            redelivered=bool(message.redelivered) or "x-delivery-count" in headers,
            token=Token(self._channel, tag),
        )

    async def _give_back_due(self) -> float | None:
        """Give back what was held long enough; the seconds until more is due."""
        due = []
        while self._held and self._held[0][0] <= monotonic():
            due.append(heapq.heappop(self._held)[1])
        if due:
            await self._give_back(due)
        return max(0.0, self._held[0][0] - monotonic()) if self._held else None

    async def _give_back(self, tags: Sequence[int]) -> None:
        channel = self._speak()
        still_open = self._open.still_open(tags)
        for tag in still_open:
            self._ids.come_again(self._open.id(tag))
        await self._send(still_open, lambda tag, many: channel.basic_nack(tag, multiple=many, requeue=True))

    async def _send(self, tags: Sequence[int], send: Callable[[int, bool], Awaitable[None]]) -> None:
        """Settle *tags*: as one, up to the first that stays open; those behind it one by one."""
        first, rest = self._open.split(tags)
        async with self._asking():
            if first:
                await send(first[-1], len(first) > 1)
            for tag in rest:
                await send(tag, False)
        self._open.remove(tags)

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[None]:
        """What the client raises when the broker is gone or silent, as `Disconnected`."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                yield
        except TimeoutError as error:
            self._lose(f"no answer within {PATIENCE_S:g} s")
            raise Disconnected(f"{self.name}: {self._lost}") from error
        except LOST as error:
            self._lose(why(error))
            raise Disconnected(f"{self.name}: {self._lost}") from error
