"""RabbitMQ's client alone: aio-pika, prefetch 1,000, an acknowledgement for each 500, uvloop. Nothing is done."""

# mypy: disable-error-code="import-not-found, import-untyped, no-any-unimported"
from __future__ import annotations

import asyncio
import time

import aio_pika
import uvloop
from aio_pika.abc import AbstractIncomingMessage
from figures import options, tell

EVERY = 500


async def main(jobs: int, url: str, prefetch: int) -> None:
    """Take *jobs* that wait in the queue."""
    async with await aio_pika.connect(url) as connection, connection.channel() as channel:
        await channel.set_qos(prefetch_count=prefetch)
        queue = await channel.get_queue("arrived")
        taken, all_taken = 0, asyncio.Event()

        async def take(message: AbstractIncomingMessage) -> None:
            nonlocal taken
            taken += 1
            if taken % EVERY == 0 or taken == jobs:
                await message.ack(multiple=True)
            if taken == jobs:
                all_taken.set()

        started = time.perf_counter()
        await queue.consume(take)
        await all_taken.wait()
        seconds = time.perf_counter() - started
    tell(jobs, seconds)


if __name__ == "__main__":
    given = options()
    uvloop.run(main(given.jobs, given.url, given.concurrency))
