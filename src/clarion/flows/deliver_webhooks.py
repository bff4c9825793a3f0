"""Delivering to webhooks: where each is, what it is told, and what follows from how it goes there."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog

from clarion import clock
from clarion.channels.base import Webhook
from clarion.domain.destination import Heard
from clarion.domain.outcome import Outcome, Reject, Retry, Sent
from clarion.domain.webhook import Landed
from clarion.flows.batch import Batch
from clarion.flows.compose import Rows
from clarion.flows.deliver import Deliver
from clarion.flows.destinations import Held
from clarion.flows.endings import PASSING
from clarion.flows.endpoints import Endpoints
from clarion.flows.lines import HANGS_S, Lines
from clarion.flows.waits import mark, may_wait
from clarion.flows.webhooks import heed
from clarion.queue import settle
from clarion.queue.job import Job, PutOff
from clarion.queue.late import Late
from clarion.store.database import Connection
from clarion.store.webhooks import Which

log = structlog.get_logger()

#: Who has answered by then does not wait for who has not; and who has not takes no sender's place any longer.
_SOON_S = 0.25
#: What is late is looked at so often; what is answered within the second of these is recorded together.
_LOOK_S, _TOGETHER_S = 1.0, 0.05

_Sending = dict[asyncio.Task[Outcome], UUID]


class DeliverWebhooks(Deliver[Webhook]):
    """The handler of `deliver` jobs of the channel `webhook`."""

    def __init__(self, *args: Any, patience: timedelta, endpoints: Endpoints, **given: Any) -> None:
        """*patience*: one that fails for so long is disabled. *endpoints* is what is known of those that hang. The rest
        is what `Deliver` takes."""
        super().__init__(*args, **given)
        self._patience = patience
        self._endpoints = endpoints
        self._lines = Lines()
        #: Those that were told to hang and have answered since.
        self._back: set[Which] = set()

    async def _hold(
        self, connection: Connection, jobs: Mapping[UUID, Job], rows: Rows, since: float
    ) -> Collection[UUID]:
        """Those whose webhook is given time wait at the gate; those for whom it has no room now wait a moment."""
        passed = timedelta(seconds=clock.monotonic() - since)
        held: dict[UUID, Held] = {}
        crowded: dict[UUID, Which] = {}
        room: dict[Which, int | None] = {}
        for id, row in rows.items():
            which: Which = row["which"]
            if row["url"] is None or not may_wait(row, passed):
                continue
            if (one := self._endpoints.waits(which, jobs[id])) is not None:
                held[id] = one
                continue
            left = room.setdefault(which, self._lines.room(which))
            if left is not None and left <= 0:
                crowded[id] = which
            elif left is not None:
                room[which] = left - 1
        await mark(connection, jobs, rows, held)
        if crowded:
            why = "the webhook has as much as it gets done"
            later = {which: self._lines.wait(which) * (1 + 0.2 * self._chance()) for which in set(crowded.values())}
            waiting = [
                PutOff(job=jobs[id], after=later[which], error=why, spent=False) for id, which in crowded.items()
            ]
            await settle.put_off(connection, waiting)
            await self._endpoints.tell(connection, self._endpoints.full(self._lines, later))
        return held.keys() | crowded.keys()

    async def _deliver(
        self, jobs: Mapping[UUID, Job], batch: Batch[Webhook], numbers: Mapping[UUID, int], deadline: float, slot: int
    ) -> Late | None:
        """What has its answer soon is recorded then: of a hundred servers one always hangs. It is left behind."""
        sending = {asyncio.create_task(self._post(batch.items[id], deadline)): id for id in numbers}
        left = set(sending)
        try:
            while left:
                done, left = await asyncio.wait(left, timeout=_SOON_S)
                await self._record_done(jobs, batch, numbers, sending, done, slot)
                if not any(self._lines.is_quick(batch.items[sending[task]].place) for task in left):
                    break
        except BaseException:
            _give_up(left)
            raise
        if not left:
            return None
        return Late([jobs[sending[task]] for task in left], self._wait(jobs, batch, numbers, sending, left))

    async def _wait(
        self,
        jobs: Mapping[UUID, Job],
        batch: Batch[Webhook],
        numbers: Mapping[UUID, int],
        sending: _Sending,
        left: set[asyncio.Task[Outcome]],
    ) -> None:
        """Record what is answered as it comes, and tell of those that do not answer."""
        try:
            while left:
                done, left = await asyncio.wait(left, timeout=_LOOK_S, return_when=asyncio.FIRST_COMPLETED)
                if done and left:
                    more, left = await asyncio.wait(left, timeout=_TOGETHER_S)
                    done |= more
                hanging = {batch.rows[sending[task]]["which"] for task in left}
                await self._tell(self._endpoints.hang(one for one in hanging if self._lines.tell(one)))
                with self._slots.lend() as slot:
                    await self._record_done(jobs, batch, numbers, sending, done, slot)
        except BaseException:
            _give_up(left)
            raise

    async def _record_done(
        self,
        jobs: Mapping[UUID, Job],
        batch: Batch[Webhook],
        numbers: Mapping[UUID, int],
        sending: _Sending,
        done: Collection[asyncio.Task[Outcome]],
        slot: int,
    ) -> None:
        if done:
            await self._record(jobs, batch, numbers, {sending[task]: task.result() for task in done}, slot)

    async def _post(self, item: Webhook, deadline: float) -> Outcome:
        """Post one, in a place of its webhook's own."""
        assert isinstance(item.place, Which)
        which = item.place
        async with self._lines.enter(which) as entered:
            if not entered:
                why = "not tried: what was posted to the webhook before has no answer yet"
                return Retry(why, after=self._lines.wait(which), blameless=True, unspent=True)
            began = clock.monotonic()
            (outcome,) = await self._send([item], deadline)
            took = clock.monotonic() - began
            if isinstance(outcome, Sent | Reject) or (took < HANGS_S and not _is_not_asked(outcome)):
                if self._lines.answered(which, took):
                    self._back.add(which)
            elif took >= HANGS_S:
                self._lines.silent(which)
            return outcome

    async def _tell(self, news: Mapping[str, Heard]) -> None:
        if not news:
            return
        try:
            async with self._pool.acquire() as connection:
                await self._endpoints.tell(connection, news)
        except PASSING as error:  # what became of the messages is recorded
            log.warning("destination.not_told", error=str(error), destinations=sorted(news))

    async def _heed(self, batch: Batch[Webhook], outcomes: Mapping[UUID, Outcome]) -> None:
        """What one webhook asks for is nothing to the others: each keeps its own pauses."""
        by_place: dict[Which, list[Outcome]] = defaultdict(list)
        troubled = set()
        for id, outcome in outcomes.items():
            row = batch.rows[id]
            which = row["which"]
            if isinstance(outcome, Retry) and outcome.blameless:  # it was not asked
                continue
            by_place[which].append(outcome)
            if row["failing"] or row["pause"] is not None:
                troubled.add(which)
        answered = Counter(which for which, some in by_place.items() for one in some if isinstance(one, Sent | Reject))
        back = self._back & by_place.keys()
        self._back -= back
        await self._tell(self._endpoints.answered({**dict.fromkeys(back, 1), **answered}, back))
        landed = {which: Landed(some, which in troubled) for which, some in by_place.items()}
        if not any(one.matters for one in landed.values()):
            return
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                await heed(connection, landed, patience=self._patience, hearing=self._hearing)
        except PASSING as error:  # the next list tells it again
            log.warning("webhook.not_noted", error=str(error), webhooks=len(landed))
        if self._hearing is not None:
            self._hearing.ring()


def _give_up(left: Collection[asyncio.Task[Outcome]]) -> None:
    for task in left:
        task.cancel()


def _is_not_asked(outcome: Outcome) -> bool:
    """Whether it may be that nothing was posted."""
    return isinstance(outcome, Retry) and (outcome.blameless or outcome.pause_provider)
