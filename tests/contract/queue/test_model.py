"""Whatever is done to the queue, in whatever order: PostgreSQL and the model in memory agree on everything."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, TypeVar

import asyncpg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from tests.contract.queue.model import Model
from tests.support.queue import LEASE, LONG_AGO, QUEUE, TABLES, Rig, tenant_in

from clarion.queue import add, buried, control, rescue, settle
from clarion.queue.claim import Claimer
from clarion.queue.job import Job, NewJob, PutOff
from clarion.store.database import set_up

T = TypeVar("T")

HOUR = timedelta(hours=1)
TENANTS = [tenant_in(1), tenant_in(1), tenant_in(63), tenant_in(0)]
MIDDLE = LONG_AGO + timedelta(days=365)

tenants = st.sampled_from(TENANTS)
keys = st.sampled_from(["a", "b"])
priorities = st.sampled_from([0, 2])
#: Due long ago, in no order; or not for years.
times = st.integers(-50, 50).map(lambda n: LONG_AGO + timedelta(seconds=n)) | st.just(MIDDLE + timedelta(days=36500))
waits = st.sampled_from([None, 100_000 * HOUR])
some = st.sets(st.integers(0, 200), min_size=1, max_size=4)


class Queue(RuleBasedStateMachine):
    """The rules. `held` are all claims that were ever made and not finished: many of them lost."""

    loop: asyncio.AbstractEventLoop
    connection: asyncpg.Connection[Any]

    def __init__(self) -> None:
        super().__init__()
        self.run(self.connection.execute(";".join(f"DELETE FROM {table}" for table in TABLES)))
        self.model = Model(now=MIDDLE)
        self.held: list[Job] = []
        self.args = 0

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def new(self, **fields: Any) -> NewJob:
        self.args += 1
        return NewJob(queue=QUEUE, kind="letter", args=self.args, **fields)

    def pick(self, numbers: set[int]) -> list[Job]:
        """Some of the claims, each once, in no order."""
        return list({self.held[n % len(self.held)].id: self.held[n % len(self.held)] for n in numbers}.values())

    def drop(self, jobs: list[Job]) -> None:
        # One in two is kept: whoever finishes twice must learn that it lost.
        self.held = [job for n, job in enumerate(self.held) if job not in jobs or n % 2]

    @rule(tenant=tenants, priority=priorities, run_at=times)
    def add(self, tenant: Any, priority: int, run_at: Any) -> None:
        job = self.new(tenant_id=tenant, priority=priority, run_at=run_at)
        self.run(add.add(self.connection, job))
        assert self.model.add(job)

    @rule(tenant=tenants, key=keys, run_at=times)
    def add_keyed(self, tenant: Any, key: str, run_at: Any) -> None:
        job = self.new(tenant_id=tenant, key=key, run_at=run_at)
        if self.model.add(job):
            self.run(add.add(self.connection, job))
        else:
            with pytest.raises(asyncpg.UniqueViolationError):
                self.run(add.add(self.connection, job))

    @rule(tenant=tenants, priority=priorities, key=keys, run_at=times)
    def set_by_key(self, tenant: Any, priority: int, key: str, run_at: Any) -> None:
        job = self.new(tenant_id=tenant, priority=priority, key=key, run_at=run_at)
        assert self.run(add.set_by_key(self.connection, job)) == self.model.set_by_key(job)

    @rule(tenant=tenants, key=keys)
    def cancel(self, tenant: Any, key: str) -> None:
        answer = self.run(add.cancel_by_key(self.connection, tenant, QUEUE, key))
        assert answer == self.model.cancel(tenant, key)

    @rule(limit=st.integers(1, 12))
    def claim(self, limit: int) -> None:
        """A claimer that has just been started: it knows no marks, so what it gets is known to the last job."""
        jobs = self.run(Claimer(QUEUE, worker="w", lease=LEASE).claim(self.connection, limit))
        assert [job.id for job in jobs] == self.model.claim(limit)
        for job in jobs:
            known = self.model.jobs[job.id]
            assert (job.attempts, job.rescues, job.fence, job.rev, job.key, job.args, job.error) == (
                (known.attempts, known.rescues, known.fence, known.rev, known.key, known.args, known.error)
            )
        self.held += jobs

    @precondition(lambda self: self.held)
    @rule(numbers=some, keep=st.booleans())
    def settle(self, numbers: set[int], keep: bool) -> None:
        jobs = self.pick(numbers)
        lost = self.run(settle.settle(self.connection, jobs, keep=keep))
        assert lost == {job.id for job in jobs if not self.model.settle(job)}
        self.drop(jobs)

    @precondition(lambda self: self.held)
    @rule(numbers=some, after=waits, spent=st.booleans(), error=st.sampled_from([None, "no"]))
    def put_off(self, numbers: set[int], after: timedelta | None, spent: bool, error: str | None) -> None:
        jobs = self.pick(numbers)
        puts = [PutOff(job=job, after=after, spent=spent, error=error) for job in jobs]
        lost = self.run(settle.put_off(self.connection, puts))
        later = MIDDLE + 100 * after if after else None
        assert lost == {job.id for job in jobs if not self.model.put_off(job, later, spent=spent, error=error)}
        self.drop(jobs)

    @precondition(lambda self: self.held)
    @rule(numbers=some)
    def release(self, numbers: set[int]) -> None:
        jobs = self.pick(numbers)
        lost = self.run(settle.release(self.connection, jobs))
        assert lost == {job.id for job in jobs if not self.model.put_off(job, None, spent=False, error=None)}
        self.drop(jobs)

    @precondition(lambda self: self.held)
    @rule(numbers=some)
    def bury(self, numbers: set[int]) -> None:
        jobs = sorted(self.pick(numbers), key=lambda job: job.id)
        lost = self.run(settle.bury(self.connection, dict.fromkeys(jobs, "buried")))
        assert lost == {job.id for job in jobs if not self.model.bury(job, "buried")}
        self.drop(jobs)

    @precondition(lambda self: self.held)
    @rule(numbers=some)
    def extend(self, numbers: set[int]) -> None:
        jobs = self.pick(numbers)
        lost = self.run(settle.extend(self.connection, jobs, LEASE))
        assert lost == {job.id for job in jobs if not self.model.extend(job)}

    @precondition(lambda self: self.held)
    @rule(numbers=some)
    def leases_run_out(self, numbers: set[int]) -> None:
        jobs = [job for job in self.pick(numbers) if self.model.held(job)]
        for job in jobs:
            self.model.jobs[job.id].expired = True
        self.run(
            self.connection.execute(
                "UPDATE job SET lease_until = now() - interval '1 s' WHERE id = ANY ($1)", [job.id for job in jobs]
            )
        )

    @rule()
    def rescue(self) -> None:
        assert {one.id for one in self.run(rescue.rescue(self.connection))} == self.model.rescue()

    @rule()
    def pause_or_resume(self) -> None:
        self.model.paused = not self.model.paused
        assert self.run((control.pause if self.model.paused else control.resume)(self.connection, QUEUE))

    @precondition(lambda self: self.model.buried)
    @rule()
    def redrive(self) -> None:
        done = self.run(buried.redrive(self.connection, QUEUE))
        assert done == self.model.redrive()
        # They are due from now; the model's now is another, so both are told when.
        self.run(
            self.connection.execute("UPDATE job SET run_at = $2 WHERE id = ANY ($1)", list(done.ready), self.model.now)
        )

    @invariant()
    def all_agree(self) -> None:
        rows = self.run(self.connection.fetch("SELECT *, lease_until <= now() AS expired FROM job"))
        found = {
            row["id"]: (
                row["state"] == 1,
                row["run_at"] if row["run_at"] < MIDDLE + timedelta(days=3650) else None,
                *(row[name] for name in ("priority", "key", "args", "fence", "rev", "attempts", "rescues", "error")),
                row["cancelled"],
                bool(row["expired"]),
            )
            for row in rows
        }
        expected = {
            job.id: (
                job.running,
                job.run_at if job.run_at < MIDDLE + timedelta(days=3650) else None,
                *(job.priority, job.key, job.args, job.fence, job.rev, job.attempts, job.rescues, job.error),
                job.cancelled,
                job.running and job.expired,
            )
            for job in self.model.jobs.values()
        }
        assert found == expected
        graves = self.run(self.connection.fetch("SELECT id, key, args, attempts, error FROM job_buried"))
        assert {tuple(row) for row in graves} == {
            (job.id, job.key, job.args, job.attempts, job.error) for job in self.model.buried.values()
        }
        assert self.run(self.connection.fetchval("SELECT coalesce(sum(done), 0) FROM job_tally")) == self.model.done


async def test_the_queue_does_what_the_model_does(rig: Rig) -> None:
    await asyncio.to_thread(
        _run_machine, rig.url
    )  # in a thread, for the machine is not async and runs a loop of its own


def _run_machine(url: str) -> None:
    with asyncio.Runner() as runner:

        async def connect() -> asyncpg.Connection[Any]:
            connection = await asyncpg.connect(url)
            await set_up(connection)
            return connection

        connection = runner.run(connect())
        try:
            run_state_machine_as_test(
                type("Queue", (Queue,), {"loop": runner.get_loop(), "connection": connection}),
                settings=settings(
                    max_examples=25,
                    stateful_step_count=30,
                    deadline=None,
                    suppress_health_check=list(HealthCheck),
                    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
                ),
            )
        finally:
            runner.run(connection.close())
