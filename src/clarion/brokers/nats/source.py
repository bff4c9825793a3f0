"""A durable pull consumer of JetStream as a source."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.errors import NotFoundError

from clarion.brokers.base import Delivery, Disconnected, Source
from clarion.brokers.nats.connection import LOST, PATIENCE_S, close, connect, why
from clarion.brokers.nats.consumer import prepare
from clarion.brokers.nats.incoming import delivery_of
from clarion.clock import monotonic
from clarion.domain.source import NatsSource
from clarion.errors import ConfigError

#: So many messages, or so many bytes, are asked for at once; as many may wait here while others are worked on.
_BATCH = 500
_BATCH_BYTES = 32 * 1024 * 1024
#: How long a request stands, how often the server says meanwhile that it has not forgotten it, and after which silence
#: we believe that it has.
_EXPIRES_S = 30.0
_HEARTBEAT_S = 4.0
_SILENCE_S = 3 * _HEARTBEAT_S
#: Before asking again where a request was refused.
_REFUSED_S = 0.5

#: What may be said of a request that was served or can be made again at once.
_HARMLESS = ("Batch Completed", "Server Shutdown", "Leadership Change")

_NANOSECONDS = 1_000_000_000


class JetStreamSource(Source):
    """Asks one durable consumer for messages, over a connection of its own.

    It asks by the protocol's own requests with heartbeats instead of the client's `fetch`, which holds the first
    messages of a batch back until the last has come or time is up. Acknowledgements are sent without waiting for an
    answer to each, and then flushed: one that is lost with the connection means that the message comes again.
    """

    def __init__(self, spec: NatsSource, url: str) -> None:
        self.name = spec.name
        self._spec = spec
        self._url = url
        self._client: Client | None = None
        self._inbox = ""
        self._arrived: deque[Msg] = deque()
        self._news = asyncio.Event()
        self._lost: str | None = None
        self._closed = False
        #: How many the server still owes us.
        self._wanted = 0
        self._heard_at = 0.0
        #: Whether the next message is larger than what is asked for at once: it is then asked for alone.
        self._large = False
        self._ask_not_before = 0.0

    async def open(self) -> None:
        try:
            async with self._asking(PATIENCE_S * 3):
                self._client = client = await connect(self._url, self.name, self._lose)
                await prepare(client.jetstream(timeout=PATIENCE_S), self._spec)
                self._inbox = client.new_inbox()
                await client.subscribe(self._inbox, cb=self._on_message, pending_msgs_limit=0, pending_bytes_limit=0)
        except BaseException:
            await self.close()
            raise

    async def batches(self) -> AsyncIterator[Sequence[Delivery]]:
        while not self._closed:
            self._raise_if_lost()
            await self._ask()
            if self._arrived:
                yield [delivery_of(self._arrived.popleft()) for _ in range(min(len(self._arrived), _BATCH))]
                continue
            self._news.clear()
            pause = _SILENCE_S if self._wanted > 0 else max(0.0, self._ask_not_before - monotonic())
            try:
                async with asyncio.timeout(pause):
                    await self._news.wait()
            except TimeoutError:
                self._lose_if_silent()

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        await self._answer(deliveries, b"+ACK")

    async def nack(self, deliveries: Sequence[Delivery], *, after: timedelta | None = None) -> None:
        payload = b"-NAK"
        if after is not None and after > timedelta():
            payload += b' {"delay": %d}' % int(after.total_seconds() * _NANOSECONDS)
        await self._answer(deliveries, payload)

    async def fail(self, delivery: Delivery, reason: str) -> None:
        """Terminate it: JetStream does not deliver it again, says so in an advisory, and keeps it in the stream."""
        await self._answer([delivery], b"+TERM")

    async def keep(self, deliveries: Sequence[Delivery]) -> None:
        await self._answer(deliveries, b"+WPI")

    async def check(self) -> None:
        """Ask for the consumer, and see whether the server keeps its heartbeats while it owes us messages."""
        client = self._speak()
        async with self._asking(PATIENCE_S):
            try:
                await client.jetstream(timeout=PATIENCE_S).consumer_info(self._spec.stream, self._spec.durable)
            except NotFoundError:
                self._lose(f"the stream {self._spec.stream!r} has no consumer {self._spec.durable!r} any more")
        self._lose_if_silent()
        self._raise_if_lost()

    async def close(self) -> None:
        self._closed = True
        self._news.set()
        await close(self._client)

    async def _ask(self) -> None:
        """Ask for more, unless the server owes us some or enough wait here."""
        now = monotonic()
        if self._wanted > 0 or len(self._arrived) >= _BATCH or now < self._ask_not_before:
            return
        request = {
            "batch": 1 if self._large else _BATCH,
            "expires": int(_EXPIRES_S * _NANOSECONDS),
            "idle_heartbeat": int(_HEARTBEAT_S * _NANOSECONDS),
        }
        if not self._large:
            request["max_bytes"] = _BATCH_BYTES
        self._large = False
        client = self._speak()
        self._wanted, self._heard_at = request["batch"], now
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._spec.stream}.{self._spec.durable}"
        async with self._asking(PATIENCE_S):
            await client.publish(subject, json.dumps(request).encode(), reply=self._inbox)

    async def _on_message(self, message: Msg) -> None:
        self._heard_at = monotonic()
        if message.reply:
            self._wanted -= 1
            self._arrived.append(message)
            self._news.set()
        elif message.headers:
            self._on_status(message.headers)

    def _on_status(self, headers: dict[str, str]) -> None:
        """The server's word on a request: only messages have a subject to be acknowledged by."""
        status, said = headers.get("Status", ""), headers.get("Description", "")
        if status == "100":
            return
        # A request is over; the server says how much of it is left undone.
        self._wanted -= int(headers.get("Nats-Pending-Messages", self._wanted))
        if status == "503":
            self._lose("nobody answers for the consumer: JetStream or the consumer is gone")
        elif "Consumer Deleted" in said or "push" in said:
            self._lose(f"the consumer cannot be asked any more: {said}")
        elif "Exceeds MaxBytes" in said:
            self._large = True
        elif status not in ("404", "408") and not any(word in said for word in _HARMLESS):
            self._ask_not_before = monotonic() + _REFUSED_S
        self._news.set()

    async def _answer(self, deliveries: Sequence[Delivery], payload: bytes) -> None:
        client = self._speak()
        async with self._asking(PATIENCE_S):
            for delivery in deliveries:
                await client.publish(str(delivery.token), payload)
            await client.flush(int(PATIENCE_S))

    def _lose(self, reason: str) -> None:
        if self._lost is None:
            self._lost = reason
        self._news.set()

    def _lose_if_silent(self) -> None:
        if self._wanted > 0 and monotonic() - self._heard_at > _SILENCE_S:
            self._lose(f"the server has been silent for {_SILENCE_S:g} s, though it owes us messages or heartbeats")

    def _raise_if_lost(self) -> None:
        if self._lost is not None and not self._closed:
            raise Disconnected(f"{self.name}: {self._lost}")

    def _speak(self) -> Client:
        """The connection, if it can be spoken over."""
        if self._closed:
            raise Disconnected(f"{self.name} is closed")
        self._raise_if_lost()
        if self._client is None:
            raise Disconnected(f"{self.name} is not open")
        return self._client

    @asynccontextmanager
    async def _asking(self, patience_s: float) -> AsyncIterator[None]:
        """What the client raises when the server is gone or silent, as `Disconnected`."""
        try:
            async with asyncio.timeout(patience_s):
                yield
        except LOST as error:
            said = why(self._client.last_error if self._client is not None and self._client.last_error else error)
            if "permissions violation" in said.lower():
                raise ConfigError(f"NATS does not allow what the source {self.name} needs: {said}") from error
            self._lose(said if not isinstance(error, TimeoutError) else f"no answer within {patience_s:g} s")
            raise Disconnected(f"{self.name}: {self._lost}") from error
