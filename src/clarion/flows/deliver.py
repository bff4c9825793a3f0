"""Delivering through providers: load and render, intend, send, record (PROMISES, "The protocol of one delivery").

Nothing is handed to a provider before its intent has committed. What commits stays the truth after any crash: a message
found in `sending` was perhaps handed over, and is treated so.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any, Generic
from uuid import UUID

import asyncpg
import structlog

from clarion import clock
from clarion.channels.base import Item, Provider
from clarion.domain.outcome import Outcome, Retry, Uncertain
from clarion.domain.status import OPEN, RETRYABLE, Status
from clarion.domain.verdict import after_attempt, before_sending, suppressed
from clarion.domain.workflow import Channel
from clarion.errors import Invalid
from clarion.flows.batch import Batch
from clarion.flows.compose import Compose, Reach, Rows, as_they_say, not_composed
from clarion.flows.contexts import Context, Contexts
from clarion.flows.destinations import Destinations
from clarion.flows.endings import PASSING, Ending, dead_of, record, record_surely, redriven
from clarion.flows.hearing import Hearing
from clarion.flows.readdress import readdress, spare
from clarion.flows.slots import Slots
from clarion.flows.suppressed import Suppressed
from clarion.flows.waits import Waits
from clarion.queue import settle
from clarion.queue.job import Job
from clarion.queue.late import Late
from clarion.store import messages
from clarion.store.database import Connection, Pool
from clarion.turns import Turns

log = structlog.get_logger()

#: Less of the lease than this is too little to begin sending with.
_MARGIN = timedelta(milliseconds=200)
#: How many messages are rendered between two looks at whether others should have the loop.
PIECE = 5


class Deliver(Generic[Item]):
    """The handler of `deliver` jobs in the queue of one channel; a job's id is its message's."""

    def __init__(
        self,
        pool: Pool,
        contexts: Contexts,
        provider: Provider[Item],
        compose: Compose[Item],
        *,
        channel: Channel,
        worker: str,
        slots: Slots,
        turns: Turns,
        hearing: Hearing | None = None,
        suppressed: Suppressed | None = None,
        reach: Reach = as_they_say,
        destinations: Destinations | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """*compose* makes of a message what the provider takes; *destinations* is what is known of domains that
        mail goes to; *chance* in 0…1 is where jitter comes from."""
        self._pool = pool
        self._contexts = contexts
        self._provider = provider
        self._compose = compose
        self._channel = channel
        self._worker = worker
        self._slots = slots
        self._turns = turns
        self._hearing = hearing
        self._suppressed = suppressed or Suppressed()
        self._reach = reach
        self._chance = chance
        self._waits = Waits(pool, provider.name, destinations, chance)

    async def __call__(self, jobs: Sequence[Job]) -> Late | None:
        """Bring each job's message one step on: to its end, or to its next attempt."""
        by_id = {job.id: job for job in jobs}
        with self._slots.lend() as slot, self._turns.first(len(jobs) < PIECE):
            async with self._pool.acquire() as connection:
                if await self._waits.is_paused(connection, jobs, slot):
                    return None
                batch = await self._prepare(connection, by_id)
                numbers, deadline = await self._intend(connection, by_id, batch, slot)
            return await self._deliver(by_id, batch, numbers, deadline, slot) if numbers else None

    async def _deliver(
        self, jobs: Mapping[UUID, Job], batch: Batch[Item], numbers: Mapping[UUID, int], deadline: float, slot: int
    ) -> Late | None:
        """Hand over what is intended, and record what came of it."""
        outcomes = await self._send([batch.items[id] for id in numbers], deadline)
        await self._record(jobs, batch, numbers, dict(zip(numbers, outcomes, strict=True)), slot)
        return None

    async def _record(
        self,
        jobs: Mapping[UUID, Job],
        batch: Batch[Item],
        numbers: Mapping[UUID, int],
        outcomes: Mapping[UUID, Outcome],
        slot: int,
    ) -> None:
        endings = [self._ending(jobs[id], batch, numbers[id], outcome) for id, outcome in outcomes.items()]
        endings = await spare(self._pool, batch, endings, self._suppressed)
        await record_surely(self._pool, endings, slot=slot, hearing=self._hearing, soft=self._suppressed.soft)
        await self._heed(batch, outcomes)

    async def _heed(self, batch: Batch[Item], outcomes: Mapping[UUID, Outcome]) -> None:
        """Once the *outcomes* are recorded: what follows from them for who comes after."""
        await self._waits.heed([batch.items[id] for id in outcomes], list(outcomes.values()))

    async def _prepare(self, connection: Connection, jobs: Mapping[UUID, Job]) -> Batch[Item]:
        loaded_at = clock.monotonic()
        loaded = await messages.load(connection, list(jobs))
        rows = await self._reach(connection, {row["id"]: row for row in loaded})
        contexts = await self._contexts.get(connection, {row["trigger_id"] for row in rows.values()})
        batch = Batch[Item]({}, {}, rows, [], [], loaded_at)
        waiting = await self._hold(connection, jobs, rows, loaded_at)
        interrupted = {id: row for id, row in rows.items() if row["status"] == Status.SENDING}
        proofs = await messages.open_attempts(connection, interrupted) if interrupted else {}
        for number, (id, job) in enumerate(jobs.items(), 1):
            if number % PIECE == 0:
                await self._turns.take()
            if id in waiting:
                continue
            row = rows.get(id)
            if row is None or (row["trigger_id"] not in contexts and Status(row["status"]) not in OPEN):
                batch.idle.append(job)
                continue
            # (Where one is open its trigger is there. Were it not, the job must stay: nobody would take it up again.)
            context = batch.contexts[id] = contexts[row["trigger_id"]]
            if id in interrupted:
                outcome = proofs.get(id, _NEVER_INTENDED)
                batch.endings.append(self._ending(job, batch, row["attempts"], outcome))
            else:
                self._decide(batch, job, row, context)
        return batch

    async def _hold(
        self, connection: Connection, jobs: Mapping[UUID, Job], rows: Rows, since: float
    ) -> Collection[UUID]:
        """Those that are given back to wait for the domain that they are for."""
        return await self._waits.hold(connection, jobs, rows, since)

    def _decide(self, batch: Batch[Item], job: Job, row: Mapping[str, Any], context: Context) -> None:
        status = Status(row["status"])
        if status in RETRYABLE:  # its buried job was redriven: it is wanted again
            batch.endings.append(redriven(job, status, row["attempts"]))
            return
        if status is not Status.QUEUED:
            batch.idle.append(job)
            return
        decided = before_sending(cancelled=row["cancelled"], remains=batch.remains(job.id), rescues=job.rescues)
        if decided is None:
            try:
                batch.items[job.id] = self._compose(row, context)
                return
            except Invalid as error:
                decided = not_composed(error)
        batch.endings.append(Ending(job, status, row["attempts"], decided))

    async def _intend(
        self, connection: Connection, jobs: Mapping[UUID, Job], batch: Batch[Item], slot: int
    ) -> tuple[Mapping[UUID, int], float]:
        """Commit the intents: which attempt of each message this is, and until when (monotonic) it may be handed over.

        When it is not known whether the transaction committed, nothing is sent: whoever recovers the jobs decides.
        """
        asked = clock.monotonic()
        try:
            stopped, held = await self._suppressed.find(connection, jobs, batch.rows, batch.contexts, batch.items)
            if stopped:
                stopped = await readdress(connection, jobs, batch, stopped, self._compose, self._suppressed.critical)
            for id, why in stopped.items():
                del batch.items[id]
                batch.endings.append(Ending(jobs[id], Status.QUEUED, batch.rows[id]["attempts"], suppressed(str(why))))
            if batch.endings or batch.idle:
                async with connection.transaction():
                    await record(connection, batch.endings, slot=slot, hearing=self._hearing)
                    await settle.settle(connection, batch.idle, slot=slot)
            if not batch.items:
                return {}, 0.0
            asked = clock.monotonic()
            intended = await messages.intend(
                connection,
                {id: jobs[id].fence for id in batch.items},
                triggers={batch.contexts[id].trigger_id for id in batch.items},
                provider=self._provider.name,
                worker=self._worker,
                slot=slot,
                margin=_MARGIN,
                held=held,
            )
        except (*PASSING, asyncpg.LockNotAvailableError) as error:
            log.warning("message.intent_failed", error=str(error), messages=len(batch.items))
            return {}, 0.0
        refused = [jobs[id] for id in batch.items if id not in intended.numbers]
        self._suppressed.forget(job.tenant_id for job in refused)
        await self._release(connection, refused, slot)
        return intended.numbers, asked + intended.remains.total_seconds()

    async def _release(self, connection: Connection, refused: Sequence[Job], slot: int) -> None:
        """Their messages were cancelled, suppressed or expired just now: decided at the next claim."""
        try:
            await settle.release(connection, refused, slot=slot)
        except PASSING as error:  # their lease runs out; what is intended must not wait for that
            log.warning("message.release_failed", error=str(error), messages=len(refused))

    async def _send(self, items: Sequence[Item], deadline: float) -> list[Outcome]:
        if clock.monotonic() > deadline:  # this process was stopped or starved: others hold the jobs now
            return [Retry("the lease ran out before it was handed over", blameless=True) for _ in items]
        return await self._provider.send(items)

    def _ending(self, job: Job, batch: Batch[Item], number: int, outcome: Outcome) -> Ending:
        verdict = after_attempt(
            outcome,
            batch.contexts[job.id].policy(self._channel),
            tried=job.attempts,
            remains=batch.remains(job.id),
            chance=self._chance(),
        )
        return Ending(job, Status.SENDING, number, verdict, dead_of(outcome, batch.rows[job.id]))


#: A message in `sending` without a trace of an attempt cannot be: if it is, nobody can know.
_NEVER_INTENDED = Uncertain("it was being sent, and nothing is known of the attempt")
