"""One trigger to a topic, its short messages at a provider that speaks HTTP, and `sent` in the database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bench.mail import booking, short
from bench.ours.client import Client
from bench.ours.loaded import TOPIC
from bench.ours.system import System, system
from bench.scenario import Sample, Side
from bench.servers.process import ProgramFailed
from bench.servers.taking_provider import TakingProvider, taking_provider
from bench.stage import Stage

#: How many devices are registered at once while guests are loaded.
_AT_ONCE = 20
#: A broadcast may take so long.
_PATIENCE_S = 180.0


class ThroughAccount(Side):
    """One API process, one worker process, PostgreSQL durable."""

    name = "clarion"
    unit = "messages/s"

    def __init__(self, kind: str, count: int) -> None:
        self.kind = kind
        self.count = count

    async def prepare(self, stage: Stage) -> None:
        await load(stage, self.kind, self.count)

    async def run(self, stage: Stage) -> Sample:
        async with through(stage, self.kind, self.count) as (clarion, provider), clarion.worker() as peak:
            seconds = await _broadcast(clarion.client(), provider, self.count)
            if (sent := await clarion.count("SELECT count(*) FROM message WHERE status = 'sent'")) != self.count:
                raise ProgramFailed(f"{sent} messages are `sent` in the database, {provider.count} at the provider")
            peak.look()
        return Sample(value=self.count / seconds, also={"rss_mb": peak.rss_mb})


async def load(stage: Stage, kind: str, guests: int) -> None:
    """Make a database with *guests* whom *kind* reaches, unless this run has one."""
    name, postgres = _name(kind, guests), await stage.postgres()
    if name in stage.loaded:
        return
    folder = short.write(stage.work / f"project-{kind}", _channel(kind))
    async with system(stage, database=await postgres.fresh(name), folder=folder) as clarion:
        client = clarion.client()
        await client.fill(TOPIC, short.guests(guests))
        if kind == "fcm":
            await _register(client, guests)
    await postgres.tidy(name)
    stage.loaded.add(name)


async def copy(stage: Stage, kind: str, guests: int) -> str:
    """The address of a new copy of that database; the copy before it is dropped."""
    return await (await stage.postgres()).copy(_name(kind, guests), "bench_clarion")


@asynccontextmanager
async def through(stage: Stage, kind: str, guests: int) -> AsyncIterator[tuple[System, TakingProvider]]:
    """A Clarion on a copy of that database, and the provider that it sends through."""
    database = await copy(stage, kind, guests)
    folder = short.write(stage.work / f"project-{kind}", _channel(kind))
    async with (
        taking_provider(kind, stage.work) as provider,
        system(stage, database=database, folder=folder, more=provider.settings) as clarion,
    ):
        yield clarion, provider


async def _broadcast(client: Client, provider: TakingProvider, count: int) -> float:
    """Trigger the topic, wait until all are `sent`; the seconds that took."""
    began = time.monotonic()
    accepted = await client.trigger({"topic": TOPIC})
    try:
        await provider.has(count, timeout_s=_PATIENCE_S)
        async with asyncio.timeout(60):
            while await client.sent(accepted.id) < count:  # noqa: ASYNC110
                await asyncio.sleep(0.01)  # it is another process that knows
    except TimeoutError:
        raise ProgramFailed(f"{provider.count} of {count} messages are at the provider, and not all `sent`") from None
    seconds = time.monotonic() - began
    if provider.count != count or len(provider.arrivals) != count:
        raise ProgramFailed(f"the provider took {provider.count} messages for {len(provider.arrivals)}, not {count}")
    return seconds


async def _register(client: Client, guests: int) -> None:
    """Give each guest a device."""
    numbers = iter(range(guests))

    async def some() -> None:
        for number in numbers:
            await client.register(str(booking.guest(number)["id"]), short.token(number))

    await asyncio.gather(*(some() for _ in range(_AT_ONCE)))


def _channel(kind: str) -> str:
    return "sms" if kind == "twilio" else "push"


def _name(kind: str, guests: int) -> str:
    return f"bench_{kind}_{guests}"
