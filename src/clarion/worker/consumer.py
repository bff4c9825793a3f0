"""Takes jobs from one queue and hands them to the handlers of their kinds, list by list."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta

import structlog

from clarion import clock
from clarion.queue.job import Job, Pool
from clarion.queue.late import Handler
from clarion.worker.backlog import URGENT, Backlog
from clarion.worker.gate import Gate
from clarion.worker.intake import Intake
from clarion.worker.later import Later
from clarion.worker.leases import Leases
from clarion.worker.pace import Pace
from clarion.worker.rates import Rates
from clarion.worker.rest import Rest
from clarion.worker.suspects import single_out

log = structlog.get_logger()

#: Jobs of a kind that nobody here knows are looked at again after this.
_STRANGE = timedelta(seconds=10)
#: After this the next of the jobs that may have killed workers gets its turn.
_NEXT_SUSPECT = timedelta(seconds=0.1)
#: Claims that find little come so far apart, longer where they take long: it is cheaper to take several jobs at once.
_CLAIMS_APART_S, _CLAIMS_APART_TIMES, _CLAIMS_APART_MOST_S = 0.005, 10, 0.015
#: While another handler works, one waits so long for a fuller list before it begins with a short one.
_GATHER_S = 0.02
#: Who brings jobs is turned away at so many times what one claim takes: a crowd in hand must not shut others out.
_OFFERED = 4
#: So long after a list this short, while others are at work, lists are half as long: who comes next waits for less.
_SHORT, _SHORTER_FOR_S = 5, 1.0
#: So long after something urgent, no list of anything else begins beside one that began no longer ago (decision 42).
_CALM_FOR_S = 0.1


class Consumer:
    """Claims continuously, keeps leases alive, and on a stop finishes what it began and gives back the rest."""

    def __init__(
        self,
        pool: Pool,
        queue: str,
        handlers: Mapping[str, Handler],
        *,
        worker: str,
        pace: Pace,
        called: asyncio.Event,
        gate: Gate | None = None,
    ) -> None:
        """*handlers* by kind of job: other kinds are left for others. *called* is set when there may be new jobs.

        *gate* holds jobs that fall under limits; without one, those with a pace of their own keep to that alone.
        """
        self.queue = queue
        self._pool = pool
        self._handlers = handlers
        self._pace = pace
        self._called = called
        self._backlog = Backlog()
        self._gate = gate or Gate(pool, Rates(pool, ()), (), most=pace.claim)
        self._intake = Intake(queue, self._backlog, self._gate, worker=worker, pace=pace)
        self._leases = Leases(pool, queue, lease=pace.lease)
        self._rest = Rest(pool, queue, poll=pace.poll, called=called)
        self._ready = asyncio.Event()  # the backlog has something
        self._later = Later(queue, self._leases, done=self._ready.set)
        self._free = asyncio.Event()  # a handler has finished
        self._busy = 0
        self._begun = 0  # jobs that handlers have in their hands
        self._unhurried, self._unhurried_at = 0, 0.0  # handlers of what is not urgent; when the last of them began
        self._shorter_until, self._calm_until = 0.0, 0.0  # on the monotonic clock
        self._stopping = False

    @property
    def held(self) -> int:
        """How many jobs are leased to this consumer."""
        return len(self._leases)

    async def run(self, stopping: asyncio.Event, drain: timedelta) -> None:
        """Work until *stopping* is set; then finish within *drain* what was begun, and give back the rest."""
        async with asyncio.TaskGroup() as tasks:
            self._gate.open(tasks.create_task, out=self._let_in, back=self._hand_back, call=self._called.set)
            lanes = [tasks.create_task(self._handle_all(kept=n == 0)) for n in range(self._pace.senders + 1)]
            claiming = tasks.create_task(self._claim_all())
            beating = tasks.create_task(self._leases.keep(lambda ids: self._gate.drop(ids) | self._backlog.drop(ids)))
            await stopping.wait()
            self._stopping = True
            # A claim that is under way ends by itself: given up, it might be made all the same, and by nobody known.
            self._called.set()
            await asyncio.wait([claiming], timeout=drain.total_seconds())
            claiming.cancel()
            await self._leases.give_back([*await self._gate.close(drain), *self._backlog.take_all()])
            self._ready.set()
            await self._later.close(lanes, drain)
            beating.cancel()
        await self._leases.give_back(self._backlog.take_all())  # offered at the last moment

    @property
    def has_room(self) -> bool:
        """Whether it would take jobs that are brought to it by `offer`: more than it claims, for they are few."""
        return not self._stopping and len(self._backlog) < _OFFERED * self._pace.claim and self._gate.whole is None

    def offer(self, jobs: Sequence[Job]) -> None:
        """Take on *jobs* that were added as claimed by this worker, as if it had just claimed them itself."""
        self._leases.add(jobs)
        self._let_in(jobs)

    async def run_once(self) -> int:
        """Claim once and handle all of it at once, whatever the limits; how many jobs that were."""
        async with self._pool.acquire() as connection:
            jobs = await self._intake.claim(connection)
        await self._take_on(jobs)
        while len(self._backlog):
            await self._handle(self._backlog.take(self._pace.batch))
        await self._later.close((), None)
        return len(jobs)

    async def _claim_all(self) -> None:
        while not self._stopping:
            self._called.clear()
            began = clock.monotonic()
            full = self._intake.is_full
            try:
                async with self._pool.acquire() as connection:
                    jobs = await self._intake.claim(connection)
            except Exception as error:
                log.warning("worker.claim_failed", queue=self.queue, error=repr(error))
                jobs = []
            apart = max(_CLAIMS_APART_S, min(_CLAIMS_APART_TIMES * (clock.monotonic() - began), _CLAIMS_APART_MOST_S))
            if jobs:
                await self._take_on(jobs)
            if self._intake.is_full:
                await self._rest.until_room()
            elif not jobs and not full:
                await self._rest.until_due(began, self._gate.lanes)
            if len(jobs) < self._pace.batch:
                await asyncio.sleep(began + apart - clock.monotonic())

    async def _take_on(self, jobs: Sequence[Job]) -> None:
        jobs, others = single_out(jobs, self._leases.jobs())
        self._leases.add(jobs)
        if others:
            await self._leases.give_back(others, after=_NEXT_SUSPECT)
            asyncio.get_running_loop().call_later(_NEXT_SUSPECT.total_seconds(), self._called.set)
        strange = [job for job in jobs if job.kind not in self._handlers]
        if strange:  # a newer version may know them (PROMISES P13)
            await self._leases.give_back(strange, after=_STRANGE)
            jobs = [job for job in jobs if job.kind in self._handlers]
        if moved := self._gate.misplaced(jobs):
            await self._leases.mark(moved)
            jobs = [job for job in jobs if job not in moved]
        self._let_in(self._gate.admit(jobs))
        log.debug("job.claimed", queue=self.queue, jobs=len(jobs))

    def _let_in(self, jobs: Sequence[Job]) -> None:
        self._backlog.add(jobs)
        self._ready.set()

    async def _hand_back(self, jobs: Sequence[Job]) -> None:
        """They would have to wait for long: others may have them, and they are seen where they belong."""
        await self._leases.give_back(jobs)
        self._intake.rewind()

    async def _handle_all(self, *, kept: bool) -> None:
        while True:
            if not kept:
                await self._gather()
            jobs = self._take(kept=kept)
            if len(self._backlog) < self._pace.claim:
                self._rest.room()
            if jobs:
                if unhurried := jobs[0].priority > URGENT:
                    self._unhurried_at = clock.monotonic()
                self._busy += 1
                self._unhurried += unhurried
                self._begun += len(jobs)
                self._gate.begun(jobs)
                try:
                    await self._handle(jobs)
                finally:
                    self._busy -= 1
                    self._unhurried -= unhurried
                    self._begun -= len(jobs)
                    self._free.set()
                    if len(self._backlog):  # others may have been kept back by these
                        self._ready.set()
            elif self._stopping:
                return
            else:
                self._ready.clear()
                await self._ready.wait()

    def _take(self, *, kept: bool) -> list[Job]:
        """What to handle next; in the place that is *kept*, only what must not wait until another one is free."""
        now = clock.monotonic()
        most = self._pace.batch if now >= self._shorter_until else -(-self._pace.batch // 2)
        if self._pace.at_once is not None:
            most = min(most, self._pace.at_once - self._begun - len(self._later))
        if self._backlog.urgent:  # by themselves: among many others they would wait for all of these
            self._calm_until = now + _CALM_FOR_S
            jobs = self._backlog.take(most, least_urgent=URGENT)
        elif not kept:
            jobs = self._backlog.take(0 if self._keeps_calm(now) else most)
        else:
            jobs = self._backlog.take(most if self._busy >= self._pace.senders else 0, without=self._backlog.crowded())
        # (A job of another kind among a crowd is a list of its own as well: nobody waits behind that.)
        if self._busy and 0 < len(jobs) <= _SHORT and (jobs[0].priority, jobs[0].lane) not in self._backlog.crowded():
            self._shorter_until = now + _SHORTER_FOR_S
        return jobs

    def _keeps_calm(self, now: float) -> bool:
        """Whether what is not urgent has to wait for the sake of what is; then it is looked at again by itself."""
        if not self._unhurried or now >= min(self._calm_until, self._unhurried_at + _CALM_FOR_S):
            return False
        asyncio.get_running_loop().call_later(_CALM_FOR_S, self._ready.set)
        return True

    async def _gather(self) -> None:
        """While another handler is at work, let a short list grow: the fixed costs of a list are those of many jobs."""
        until = clock.monotonic() + _GATHER_S
        while self._busy and 0 < len(self._backlog) < self._pace.batch and not self._stopping:
            self._free.clear()
            try:
                async with asyncio.timeout(max(until - clock.monotonic(), 0)):
                    await self._free.wait()
            except TimeoutError:
                return

    async def _handle(self, jobs: Sequence[Job]) -> None:
        late = None
        try:
            late = await self._handlers[jobs[0].kind](jobs)
        except Exception:
            log.exception("job.handler_failed", queue=self.queue, kind=jobs[0].kind, jobs=[str(j.id) for j in jobs[:5]])
            if len(jobs) > 1:  # one of them may be the cause: the others must not suffer for it
                for job in jobs:
                    await self._handle([job])
                jobs = ()  # each was left by itself
            else:
                await self._leases.put_off(jobs[0])
        finally:
            self._later.leave(jobs, late)
