"""Schedules on a real database, with the short words that tests use."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from clarion import ids
from clarion.domain.schedule import CatchUp, Schedule
from clarion.domain.workflow import Channel, ChannelStep, Workflow
from clarion.flows import schedules
from clarion.flows.act import Act
from clarion.flows.bootstrap import ensure_tenant
from clarion.flows.definitions import Definitions
from clarion.flows.do_runs import DoRuns
from clarion.flows.retention import Ages, What
from clarion.flows.run_schedules import RunSchedules
from clarion.flows.slots import Slots
from clarion.flows.system_schedules import Duties
from clarion.queue.late import Handler
from clarion.store import workflows
from clarion.store.database import Pool, open_pool
from clarion.worker.consumer import Consumer
from clarion.worker.pace import Pace

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
#: What a schedule of the tests does: one trigger for one person.
TRIGGER = {"trigger": {"workflow": "report", "recipients": [{"id": "'ana'", "email": "'ana@example.com'"}]}}
AGES: Ages = dict.fromkeys(What, 30 * DAY)


@dataclass(kw_only=True)
class Board:
    """One tenant's schedules, and workers that run them when told to."""

    pool: Pool
    tenant: UUID
    rung: list[str] = field(default_factory=list)

    async def put(self, key: str, cron: str, *, catch_up: str = "all", most: int = 1_000, **fields: Any) -> Any:
        schedule = Schedule(
            key=key, cron=cron, catch_up=CatchUp(catch_up), most=most, **{"actions": [TRIGGER], **fields}
        )
        async with self.pool.acquire() as connection, connection.transaction():
            (done,) = await schedules.put(connection, self.tenant, [schedule], origin="api")
        return done

    async def change(self, what: Any, key: str, *, tenant: UUID | None = None) -> Any:
        """Do one of `schedules.pause`, `resume`, `delete` and `run_now` in a transaction."""
        async with self.pool.acquire() as connection, connection.transaction():
            return await what(connection, tenant or self.tenant, key)

    async def work(self, count: int = 1, ages: Ages = AGES) -> int:
        """Let *count* workers take and do what is due, at the same time, until nothing is; how many jobs that were."""
        done = 0
        while True:
            rounds = await asyncio.gather(*(self._worker(str(n), ages) for n in range(count)))
            if not sum(rounds):
                return done
            done += sum(rounds)

    async def runs(self, key: str) -> list[Any]:
        """What a schedule did, in order."""
        return await self.pool.fetch("SELECT * FROM schedule_run WHERE schedule_key = $1 ORDER BY nominal_at", key)

    async def row(self, key: str) -> Any:
        return await self.pool.fetchrow("SELECT * FROM schedule WHERE key = $1", key)

    async def job(self, key: str) -> Any:
        return await self.pool.fetchrow("SELECT * FROM job WHERE queue = 'schedules' AND key = $1", key)

    async def triggers(self) -> int:
        number: int = await self.pool.fetchval("SELECT count(*) FROM trigger")
        return number

    async def _worker(self, name: str, ages: Ages) -> int:
        slots = Slots()
        runs = RunSchedules(self.pool, DoRuns(Act(Definitions())), wake=self.rung.append, slots=slots)
        handlers: dict[str, Mapping[str, Handler]] = {
            schedules.QUEUE: {schedules.RUN: runs.run, schedules.RUN_NOW: runs.run_now},
            "system": Duties(self.pool, ages, slots=slots).handlers,
        }
        done = 0
        for queue, by_kind in handlers.items():
            consumer = Consumer(self.pool, queue, by_kind, worker=name, pace=Pace(), called=asyncio.Event())
            done += await consumer.run_once()
        return done


@asynccontextmanager
async def open_board(url: str) -> AsyncIterator[Board]:
    """Schedules of one tenant with one workflow."""
    pool: asyncpg.Pool[Any] = await open_pool(url, size=6, statement_timeout_s=30, application_name="tests")
    try:
        async with pool.acquire() as connection, connection.transaction():
            tenant = await ensure_tenant(connection)
            workflow = Workflow(
                key="report", steps=(ChannelStep(key="email", channel=Channel.EMAIL, template="email"),)
            )
            await workflows.publish(connection, tenant, "report", hash="h", definition=workflow.to_json(), bundle={})
        yield Board(pool=pool, tenant=tenant)
    finally:
        await pool.close()


def later(by: timedelta) -> datetime:
    """*by* from now."""
    return datetime.now(UTC) + by


def shown(trigger: UUID) -> str:
    """The id of a trigger as a run's result has it."""
    return ids.show(ids.Prefix.TRIGGER, trigger)
