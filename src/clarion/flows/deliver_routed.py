"""Delivering where there are accounts to choose from: a list is parted by account, and each part goes its own way.

What a delivery is stays as `Deliver` has it; here it is decided which account carries a message, how many lists an
account may hold up, and what one that failed a message means for it: another, where there is one (decision 31).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import structlog

from clarion import clock
from clarion.channels.base import Item, Provider
from clarion.domain.device import digest
from clarion.domain.outcome import Outcome, Reject, Retry, Sent, Uncertain
from clarion.domain.route import Fitness, Route, Try, elsewhere
from clarion.domain.status import Status
from clarion.domain.verdict import goes_elsewhere
from clarion.flows.account import OnTheWay, look_again, soonest
from clarion.flows.accounts import Accounts
from clarion.flows.balance import Balance
from clarion.flows.batch import Batch
from clarion.flows.compose import Rows
from clarion.flows.deliver import PIECE, Deliver
from clarion.flows.destinations import blame
from clarion.flows.endings import PASSING, Ending, record_surely
from clarion.flows.parting import LATER, Part, Parting, Plan
from clarion.flows.readdress import spare
from clarion.flows.receipts import AskLater, Handed, ask_later
from clarion.flows.waits import mark
from clarion.queue import settle
from clarion.queue.job import Job, PutOff, storable
from clarion.store import routing
from clarion.store.database import Connection

log = structlog.get_logger()

#: Nobody looks again sooner than this.
_SOON = timedelta(milliseconds=50)
#: Of so many that all have to wait there are more behind them. Where there is nobody to go to, who brought them rests
#: so long: else a million that wait would be claimed and put off again and again, as long as nothing can be sent.
_CROWD, _REST = 25, timedelta(seconds=1)
#: What an attempt is called that came to it, as `after_attempt` has it.
_STATUS = {Sent: "accepted", Retry: "retryable", Reject: "rejected", Uncertain: "uncertain"}


class DeliverRouted(Deliver[Item]):
    """The handler of `deliver` jobs of a channel that accounts carry."""

    def __init__(
        self,
        delivers: Mapping[str, Deliver[Item]],
        routes: Sequence[Route],
        accounts: Accounts,
        *,
        takes: Mapping[str, str] | None = None,
        balance: Balance | None = None,
        wake: Callable[[str], None] = lambda _: None,
        **given: Any,
    ) -> None:
        """*delivers* hand over, by the label of their account, the usual one first; *takes*: whose tokens each account
        takes, where messages go to devices; *wake* a queue with jobs due at once; *given* is what `Deliver` takes.
        """
        super().__init__(**given)
        self._wake = wake
        self._delivers = delivers
        self._accounts = accounts
        self._balance = balance
        self._parting = Parting(
            routes,
            list(delivers),
            accounts,
            channel=given["channel"],
            turns=given["turns"],
            destinations=given.get("destinations"),
            takes=takes,
            balance=balance,
        )
        #: Where there is only one, what waits for a domain is found out before anything else.
        self._only = next(iter(delivers.values())) if len(delivers) == 1 else None

    @property
    def askable(self) -> Mapping[str, Provider[Item]]:
        """Those of its providers that are asked later what became of messages."""
        return {label: one._provider for label, one in self._delivers.items() if one._provider.asks_after is not None}

    async def __call__(self, jobs: Sequence[Job]) -> None:
        nobody_for = await self._deliver_all(jobs)
        if nobody_for is not None and len(jobs) >= _CROWD:
            await asyncio.sleep(min(nobody_for, _REST).total_seconds())

    async def _deliver_all(self, jobs: Sequence[Job]) -> timedelta | None:
        """Part them and carry each part; how long none of the accounts may be used, where that is so."""
        by_id = {job.id: job for job in jobs}
        with self._slots.lend() as slot, self._turns.first(len(jobs) < PIECE):
            async with self._pool.acquire() as connection:
                fit = await self._accounts.look(connection)
                if all(one.reason is not None for one in fit.values()):
                    nobody = soonest(fit)
                    await self._wait(connection, dict.fromkeys(jobs, nobody), slot)
                    return nobody.wait
                batch = await self._prepare(connection, by_id)
                parted = await self._parting.part(connection, by_id, batch, fit)
                await mark(connection, by_id, batch.rows, parted.held)
                await self._wait(connection, {by_id[id]: why for id, why in parted.waiting.items()}, slot)
            carrying = (self._carry(by_id, part, parted.plans) for part in parted.parts)
            # All of them to their end, whatever becomes of one: what is on its way must be recorded.
            ended = await asyncio.gather(*carrying, return_exceptions=True)
        for error in ended:
            if error is not None:
                raise error
        return None

    async def _hold(
        self, connection: Connection, jobs: Mapping[UUID, Job], rows: Rows, since: float
    ) -> Collection[UUID]:
        return () if self._only is None else await self._only._waits.hold(connection, jobs, rows, since)

    async def _carry(self, jobs: Mapping[UUID, Job], part: Part[Item], plans: Mapping[UUID, Plan]) -> None:
        """Intend, send and record one part, in a place of its account's own. Probes need none."""
        size = len(part.batch.items)
        free = part.probe is not None or not size
        if not free and self._accounts.is_stuck(part.label):
            await self._without_place(jobs, part)
            return
        async with self._accounts.place(part.label, size, reserved=free) as place:
            if place is not None:
                await self._hand_over(jobs, part, plans, place)
        if place is None:
            await self._without_place(jobs, part)

    async def _hand_over(
        self, jobs: Mapping[UUID, Job], part: Part[Item], plans: Mapping[UUID, Plan], place: OnTheWay
    ) -> None:
        label, deliver, batch = part.label, self._delivers[part.label], part.batch
        with self._slots.lend() as slot:
            async with self._pool.acquire() as connection:
                numbers, deadline = await deliver._intend(connection, jobs, batch, slot)
                await self._note(connection, batch, {id: part.reasons[id] for id in numbers if id in part.reasons})
                if part.probe is not None and not numbers:
                    await self._accounts.told_of_probe(connection, label, part.probe, None)
            if not numbers:
                return
            began = clock.monotonic()
            outcomes = await deliver._send([batch.items[id] for id in numbers], deadline)
            if self._balance is not None:
                self._balance.saw(label, len(numbers), clock.monotonic() - began)
            items = [batch.items[id] for id in numbers]
            await self._tell(part, place, blame(items, outcomes))
            fit = self._accounts.fitness()
            sent = zip(numbers.items(), outcomes, strict=True)
            endings = [self._end(part, jobs[id], number, outcome, plans.get(id), fit) for (id, number), outcome in sent]
            soft = self._suppressed.soft
            endings = await spare(self._pool, batch, endings, self._suppressed)
            also = self._ask_later(part, dict(zip(numbers, outcomes, strict=True)))
            await record_surely(self._pool, endings, slot=slot, hearing=self._hearing, soft=soft, also=also)
            if any(ending.verdict.event == "failed_over" for ending in endings):
                self._wake(self._channel.value)
            await deliver._waits.heed(items, outcomes)
            if any(isinstance(outcome, Retry) and outcome.pause_provider for outcome in outcomes):
                self._accounts.ask_again()

    def _ask_later(self, part: Part[Item], outcomes: Mapping[UUID, Outcome]) -> AskLater | None:
        """What adds the jobs that ask what became of messages, where the account is to be asked."""
        after, rows = self._delivers[part.label]._provider.asks_after, part.batch.rows
        if after is None:
            return None
        handed = {
            id: Handed(rows[id]["tenant_id"], outcome.provider_id, digest(rows[id]["token"]))
            for id, outcome in outcomes.items()
            if isinstance(outcome, Sent)
        }
        return partial(ask_later, label=part.label, after=after, handed=handed) if handed else None

    async def _tell(self, part: Part[Item], place: OnTheWay, outcomes: Sequence[Outcome]) -> None:
        """Tell the breaker; that the database is away must not keep the outcomes from being recorded."""
        if part.probe is None and not self._accounts.has_news(part.label, place, outcomes):
            return
        try:
            async with self._pool.acquire() as connection:
                if part.probe is not None:
                    await self._accounts.told_of_probe(connection, part.label, part.probe, outcomes[0])
                else:
                    await self._accounts.tell(connection, part.label)
        except PASSING as error:
            log.warning("breaker.not_told", provider=part.label, error=str(error))

    def _end(
        self,
        part: Part[Item],
        job: Job,
        number: int,
        outcome: Outcome,
        plan: Plan | None,
        fit: Mapping[str, Fitness],
    ) -> Ending:
        """What the outcome means for a message: what it always does, unless another account may take it."""
        label, batch = part.label, part.batch
        if plan is None:
            return look_again(self._ending(job, batch, number, outcome), outcome, self._chance())
        tried = [*plan.tried, Try(label, _STATUS[type(outcome)])]
        found = elsewhere(plan.route, fit, tried, plan.draw, outcome)
        if isinstance(found, str):
            assert isinstance(outcome, Retry | Reject)
            return Ending(job, Status.SENDING, number, goes_elsewhere(outcome, found))
        if part.probe is not None and isinstance(found, Retry):
            # It was asked of it for the others' sake: nothing is spent.
            found = Retry(found.reason, after=max(fit[label].wait, LATER), pause_provider=True)
        ending = look_again(self._ending(job, batch, number, found), found, self._chance())
        if isinstance(outcome, Reject):  # also where it is tried elsewhere later: this account is not asked again
            ending = ending._replace(verdict=ending.verdict._replace(attempt="rejected"))
        return ending

    async def _without_place(self, jobs: Mapping[UUID, Job], part: Part[Item]) -> None:
        """They wait in the queue, not here; what was decided without sending does not."""
        why = Fitness(f"all places of {part.label} are taken by messages that it does not answer", LATER)
        with self._slots.lend() as slot:
            async with self._pool.acquire() as connection:
                await self._wait(connection, {jobs[id]: why for id in part.batch.items}, slot)
                await self._delivers[part.label]._intend(connection, jobs, replace(part.batch, items={}), slot)

    async def _wait(self, connection: Connection, jobs: Mapping[Job, Fitness], slot: int) -> None:
        """They look again later, and spend no attempt on it; not all in the same moment."""
        waiting = [
            PutOff(job=job, after=max(why.wait, _SOON) * (1 + 0.2 * self._chance()), error=why.reason, spent=False)
            for job, why in jobs.items()
        ]
        long = {job: why.reason for job, why in jobs.items() if why.reason is not None and why.wait > LATER}
        # Of what is over in a moment nothing is said: a probe, a place, a limit.
        await routing.hold_back(connection, {job.id: (job.tenant_id, storable(why)) for job, why in long.items()})
        await settle.put_off(connection, waiting, slot=slot)

    async def _note(self, connection: Connection, batch: Batch[Item], reasons: Mapping[UUID, str]) -> None:
        if not reasons:
            return
        tenants = [batch.rows[id]["tenant_id"] for id in reasons]
        try:
            await routing.note(
                connection, tenants, list(reasons), "routed", [storable(why) for why in reasons.values()]
            )
        except PASSING as error:  # what is intended must not wait for that
            log.warning("message.not_noted", error=str(error), messages=len(reasons))
