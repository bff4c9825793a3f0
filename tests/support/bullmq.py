"""One queue of BullMQ in a test: Node on one side of it, sources of ours on the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

from redis.asyncio import Redis as Client
from tests.support.node import Peer
from tests.support.wait import wait_until

from clarion.brokers.base import Delivery
from clarion.brokers.bullmq import BullMQSource
from clarion.domain.source import BullSource

#: Short, for tests that wait for a lost worker to be missed.
LOCK = timedelta(seconds=1)
RESCUE_EVERY = timedelta(seconds=0.2)


class Reader:
    """A source and what it has handed over; read in a task of its own."""

    def __init__(self, source: BullMQSource) -> None:
        self.source = source
        self.got: list[Delivery] = []
        #: How many came at once.
        self.sizes: list[int] = []
        #: How it ended, if it did.
        self.error: BaseException | None = None
        #: What is done with what comes; None leaves it.
        self.then: Callable[[Sequence[Delivery]], Any] | None = None
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> Self:
        await self.source.open()
        self._task = asyncio.create_task(self._read())
        return self

    async def until(self, count: int, timeout: float = 20.0) -> list[Delivery]:
        """Wait for so many deliveries."""
        await wait_until(lambda: self.error or len(self.got) >= count, timeout, f"{count} deliveries")
        if self.error:
            raise self.error
        return self.got

    async def stop(self) -> None:
        await self.source.close()
        await self.cease()

    async def cease(self) -> None:
        """Read no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _read(self) -> None:
        try:
            async for batch in self.source.batches():
                self.got += batch
                self.sizes.append(len(batch))
                if self.then is not None:
                    await self.then(batch)
        except Exception as error:
            self.error = error


class Queue:
    """The queue *name* in the Redis at *url*; what *node* does with it, and readers of it, which end with it."""

    def __init__(self, name: str, url: str, node: Peer) -> None:
        self.name = name
        self.url = url
        self.peer = node
        self._stack = AsyncExitStack()
        self._readers: list[Reader] = []

    async def __aenter__(self) -> Self:
        self.redis = await self._stack.enter_async_context(Client.from_url(self.url))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def node(self, deed: str, *args: Any) -> Any:
        """What `peer.js` answers for this queue."""
        return await self.peer.do(deed, self.name, *args)

    async def counts(self) -> dict[str, int]:
        """How many jobs are in each state, as Node says, without the states that have none."""
        counts: dict[str, int] = await self.node("counts")
        return {state: count for state, count in counts.items() if count}

    async def until_counts(self, timeout: float = 20.0, **counts: int) -> None:
        """Wait until the states have these jobs, and no other state has any."""

        last: dict[str, int] = {}

        async def so() -> bool:
            nonlocal last
            last = await self.counts()
            return last == counts

        try:
            await wait_until(so, timeout, f"the queue has {counts}")
        except AssertionError as error:
            raise AssertionError(f"{error}: it has {last}; readers ended with {self._errors()}") from None

    def _errors(self) -> list[BaseException]:
        return [reader.error for reader in self._readers if reader.error is not None]

    async def until_due(self, id: str) -> None:
        """Wait until the delayed job *id* should have been taken, and some time more."""
        job = await self.node("job", id)
        due = (job["timestamp"] + job["delay"]) / 1000

        async def is_past() -> bool:
            seconds, micros = await self.redis.time()
            return bool(seconds + micros / 1e6 > due + 3 * RESCUE_EVERY.total_seconds())

        await wait_until(is_past, 20, "the job is due")

    def source(self, *jobs: str, worker: str = "test", **options: Any) -> BullMQSource:
        spec = BullSource(queue=self.name, jobs=jobs, **options)
        return BullMQSource(spec, self.url, worker=worker, lock=LOCK, rescue_every=RESCUE_EVERY)

    async def reader(self, *jobs: str, acks: bool = False, worker: str = "test", **options: Any) -> Reader:
        """Somebody who reads from now on; with *acks*, and settles at once."""
        reader = Reader(self.source(*jobs, worker=worker, **options))
        if acks:
            reader.then = reader.source.ack
        self._readers.append(reader)
        self._stack.push_async_callback(reader.stop)
        return await reader.open()

    async def until_idle(self, worker: str) -> None:
        """Wait until the worker has looked for jobs, and waits for some."""

        async def waits() -> bool:
            clients = await self.redis.client_list()
            return any(f"clarion:{worker}" in one["name"] and one["cmd"] == "bzpopmin" for one in clients)

        await wait_until(waits, 20, f"{worker} is idle")

    async def cut(self, worker: str) -> None:
        """Cut all the worker's connections: it can do nothing any more, as if it had died."""
        for one in await self.redis.client_list():
            if f"clarion:{worker}" in one["name"]:
                await self.redis.client_kill_filter(_id=one["id"])

    async def connections(self, worker: str = "test") -> list[str]:
        """Names of the worker's connections to this queue, as Redis lists them."""
        clients = await self.redis.client_list()
        names = [client["name"] for client in clients]
        return sorted(name for name in names if f"clarion:{worker}" in name)
