"""NATS's client alone: a durable pull consumer in fetches of ``--concurrency``, each message acknowledged, uvloop."""

# mypy: disable-error-code="import-not-found, import-untyped, no-any-unimported"
from __future__ import annotations

import time

import nats
import uvloop
from figures import options, tell


async def main(jobs: int, url: str, fetch: int) -> None:
    """Take *jobs* that wait in the stream."""
    client = await nats.connect(url)
    subscription = await client.jetstream().pull_subscribe_bind("clarion", "arrived")
    taken = 0
    started = time.perf_counter()
    while taken < jobs:
        messages = await subscription.fetch(min(fetch, jobs - taken), timeout=10)
        for message in messages:
            await message.ack()
        taken += len(messages)
    await client.flush()
    seconds = time.perf_counter() - started
    tell(jobs, seconds)
    await client.close()


if __name__ == "__main__":
    given = options()
    uvloop.run(main(given.jobs, given.url, given.concurrency))
