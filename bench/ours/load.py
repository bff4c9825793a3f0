"""Calls at a fixed rate, whatever the answers take: an open loop, as the world's requests are."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import aiohttp

from bench.servers.process import ProgramFailed


@dataclass(slots=True)
class Answers:
    """How the calls went."""

    #: Seconds from the moment a call was meant to be made to its answer: time spent waiting to be sent counts too, or
    #: a stalled server would hide its own stall.
    latencies: list[float] = field(default_factory=list)
    #: When each call was meant to be made, by its number, on the monotonic clock.
    meant: dict[int, float] = field(default_factory=dict)
    #: When each was answered.
    answered: dict[int, float] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)


async def at_rate(call: Callable[[int], Awaitable[object]], *, per_s: float, count: int) -> Answers:
    """Make calls 0 to *count*, *per_s* a second, and wait for all answers."""
    answers = Answers()

    async def one(number: int, meant: float) -> None:
        try:
            await call(number)
        except (ProgramFailed, aiohttp.ClientError, TimeoutError) as error:
            answers.failures.append(repr(error))
        else:
            answers.answered[number] = now = time.monotonic()
            answers.latencies.append(now - meant)

    start = time.monotonic() + 0.1
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            meant = start + number / per_s
            answers.meant[number] = meant
            # Short of it, a loop that is late makes its calls at once and the delay is counted.
            if (wait := meant - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            group.create_task(one(number, meant))
    return answers
