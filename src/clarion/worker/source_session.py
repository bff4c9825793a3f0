"""One connection to a source, from opening to end: what comes is taken in, and acknowledged after the commit."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import timedelta

import structlog

from clarion import clock
from clarion.brokers.base import Delivery, Disconnected, Source
from clarion.flows.ingest import Answer, Outcome
from clarion.worker.follower import Follower, Look
from clarion.worker.rhythm import Rhythm
from clarion.worker.source_view import SourceView
from clarion.worker.waiting import pauses, unless, wait

log = structlog.get_logger()

#: Takes deliveries in; raises when that is not possible now, and then nothing may be acknowledged.
Take = Callable[[Sequence[Delivery]], Awaitable[list[Answer]]]


class Quiet(Disconnected):
    """Nothing came for long: most likely there was nothing, but a consumer that has gone deaf looks the same."""


class Session:
    """A source that is open."""

    def __init__(self, source: Source, take: Take, look: Look, *, view: SourceView, rhythm: Rhythm) -> None:
        self._source = source
        self._take = take
        self._view = view
        self._rhythm = rhythm
        #: Handed over by the broker, and neither acknowledged nor given back.
        self._hand: dict[str, Delivery] = {}
        self._heard = clock.monotonic()
        self._follower = Follower(look, every=rhythm.follow_every, ask=self._in_time, done=self._settled)

    async def run(self, stopping: asyncio.Event) -> None:
        """Take in what comes until *stopping* is set; then finish what is in hand. Raises `Disconnected`."""
        async with asyncio.TaskGroup() as tasks:
            others = [
                tasks.create_task(self._watch()),
                tasks.create_task(self._keep()),
                tasks.create_task(self._follower.run(self._source)),
            ]
            await self._read(stopping)
            await self._end_following()
            for task in others:
                task.cancel()

    async def _read(self, stopping: asyncio.Event) -> None:
        batches: AsyncIterator[Sequence[Delivery]] = self._source.batches()
        try:
            while not stopping.is_set():
                batch = await unless(stopping, anext(batches, None))
                if batch:
                    await self._handle(batch, stopping)
                elif not stopping.is_set():
                    raise Disconnected("the source ended")
        finally:
            if isinstance(batches, AsyncGenerator):
                await batches.aclose()

    async def _handle(self, batch: Sequence[Delivery], stopping: asyncio.Event) -> None:
        self._heard = clock.monotonic()
        self._hand |= {one.id: one for one in batch}
        self._view.in_hand = len(self._hand)
        answers = await self._taken(batch, stopping)
        if answers is None:
            await self._in_time(self._source.nack(batch))
            self._settled(batch)
            return
        self._view.took(answers)
        done: list[Delivery] = []
        again: dict[timedelta, list[Delivery]] = defaultdict(list)
        for delivery, answer in zip(batch, answers, strict=True):
            if answer.outcome is Outcome.QUARANTINED:
                await self._in_time(self._source.fail(delivery, answer.reason or ""))
                self._settled([delivery])
            elif answer.outcome is Outcome.AGAIN:
                again[answer.after].append(delivery)
            elif self._source.follows and answer.triggers:
                self._follower.add(delivery, answer.triggers)
            else:
                done.append(delivery)
        if done:
            await self._in_time(self._source.ack(done))
            self._settled(done)
        for after, some in again.items():
            self._view.now("connected", "a bug of ours stands in the way of messages; see source.bug in the log")
            await self._in_time(self._source.nack(some, after=after))
            self._settled(some)
        self._heard = clock.monotonic()

    async def _taken(self, batch: Sequence[Delivery], stopping: asyncio.Event) -> list[Answer] | None:
        """What became of *batch*, however often that has to be tried; None when there is no time left to try it."""
        for pause in pauses(self._rhythm.first_pause, timedelta(seconds=5)):
            try:
                answers = await self._take(batch)
            except Exception as error:
                log.warning("source.take_failed", source=self._source.name, messages=len(batch), error=repr(error))
                self._view.now("connected", f"messages cannot be taken in: {error!r}")
                if await wait(stopping, pause):
                    return None
            else:
                self._view.now("connected")
                return answers
        raise AssertionError("pauses never end")

    async def _watch(self) -> None:
        """Find out when the consumer is gone, or deaf."""
        while True:
            await asyncio.sleep(self._rhythm.check_every.total_seconds())
            await self._in_time(self._source.check())
            if not self._hand and clock.monotonic() - self._heard > self._rhythm.quiet_for.total_seconds():
                raise Quiet(f"nothing came for {self._rhythm.quiet_for.total_seconds():.0f} s")

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(self._rhythm.keep_every.total_seconds())
            if self._hand:
                await self._in_time(self._source.keep(list(self._hand.values())))

    async def _end_following(self) -> None:
        """Wait a little for what is followed, and give the rest back: whoever gets it next follows it on."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._rhythm.follow_to_the_end.total_seconds()):
                await self._follower.settled()
        if rest := self._follower.deliveries:
            await self._in_time(self._source.nack(rest))
            self._settled(rest)

    async def _in_time(self, asked: Awaitable[None]) -> None:
        """Wait for the broker's answer. Raises `Disconnected` when there is none."""
        try:
            async with asyncio.timeout(self._rhythm.answer_within.total_seconds()):
                await asked
        except TimeoutError:
            raise Disconnected("the broker does not answer") from None

    def _settled(self, deliveries: Sequence[Delivery]) -> None:
        for one in deliveries:
            self._hand.pop(one.id, None)
        self._view.in_hand = len(self._hand)
