"""A queue on a real database, with the short words that its tests use."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
from tests.support.wait import wait_until

from clarion import clock, ids
from clarion.queue import add, settle
from clarion.queue.claim import Claimer
from clarion.queue.job import Connection, Job, NewJob, lane_of
from clarion.store.database import Pool

QUEUE = "letters"
LEASE = timedelta(seconds=60)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)

#: Everything that belongs to the queue, for emptying.
TABLES = ("job", "job_buried", "job_done", "job_tally", "queue", "rate_limit")


def tenant_in(lane: int) -> UUID:
    """A new tenant of this lane."""
    tenant = uuid4()
    return UUID(int=tenant.int - lane_of(tenant) + lane)


@dataclass(kw_only=True)
class Rig:
    """One database with an empty queue."""

    url: str
    pool: Pool
    tenant: UUID = field(default_factory=lambda: tenant_in(7))

    async def add(self, count: int = 1, *, at: datetime | None = LONG_AGO, **fields: Any) -> list[UUID]:
        """Add *count* jobs due at *at*, a millisecond apart; their ids."""
        made = ids.new_many(count)
        async with self.pool.acquire() as connection:
            for number, id in enumerate(made):
                run_at = at and at + timedelta(milliseconds=number)
                await add.add(connection, self.job(id=id, run_at=run_at, **fields))
        return made

    def job(self, **fields: Any) -> NewJob:
        given: dict[str, Any] = {"queue": QUEUE, "kind": "letter", "tenant_id": self.tenant} | fields
        return NewJob(**given)

    async def fill(
        self, count: int, *, start: datetime = LONG_AGO, tenants: Sequence[UUID] = (), priorities: Sequence[int] = (2,)
    ) -> None:
        """Add *count* jobs fast, spread over *tenants* and *priorities*, each due a millisecond after the last."""
        tenants = tenants or [self.tenant]
        async with self.pool.acquire() as connection:
            rows: list[tuple[object, ...]] = []
            for n, id in enumerate(ids.new_many(count)):
                tenant, priority = tenants[n % len(tenants)], priorities[n // len(tenants) % len(priorities)]
                run_at = start + timedelta(milliseconds=n)
                rows.append((id, tenant, QUEUE, "letter", priority, lane_of(tenant), run_at, None, None, None))
            await add.copy(connection, rows)

    def claimer(self, worker: str = "w1", *, queue: str = QUEUE, lease: timedelta = LEASE) -> Claimer:
        return Claimer(queue, worker=worker, lease=lease)

    async def claim(self, limit: int = 100, **fields: Any) -> list[Job]:
        """What a claimer that has just been started gets."""
        async with self.pool.acquire() as connection:
            return await self.claimer(**fields).claim(connection, limit)

    async def claim_one(self, **fields: Any) -> Job:
        (job,) = await self.claim(1, **fields)
        return job

    async def settle(self, jobs: Iterable[Job], **fields: Any) -> set[UUID]:
        async with self.pool.acquire() as connection:
            return await settle.settle(connection, list(jobs), **fields)

    async def row(self, id: UUID) -> asyncpg.Record | None:
        """The row of the living job *id*."""
        return await self.pool.fetchrow("SELECT * FROM job WHERE id = $1", id)

    async def count(self, table: str = "job") -> int:
        number: int = await self.pool.fetchval(f"SELECT count(*) FROM {table}")
        return number

    async def run_out(self, *jobs: Job) -> None:
        """Let the leases of *jobs* be over, as if their workers had been silent for long."""
        await self.pool.execute(
            "UPDATE job SET lease_until = now() - interval '1 s' WHERE id = ANY ($1)", [job.id for job in jobs]
        )

    async def empty(self) -> None:
        """Delete everything; where there is little, row by row, which is ten times as fast as TRUNCATE."""
        if await self.pool.fetchval("SELECT pg_relation_size('job') + pg_relation_size('job_done') < 1e6"):
            await self.pool.execute(";".join(f"DELETE FROM {table}" for table in TABLES))
        else:
            await self.pool.execute(f"TRUNCATE {', '.join(TABLES)}")


@dataclass(frozen=True, slots=True)
class Plan:
    """What PostgreSQL did, from EXPLAIN (ANALYZE, BUFFERS)."""

    nodes: list[dict[str, Any]]

    @property
    def pages(self) -> int:
        """Pages touched, in memory or not."""
        return int(self.nodes[0]["Shared Hit Blocks"] + self.nodes[0]["Shared Read Blocks"])

    def scans(self, table: str) -> list[str]:
        """How *table* was read: ``Index Scan``, ``Index Scan, whole`` when without a condition, ``Seq Scan`` …"""
        return [
            node["Node Type"] + ("" if node.get("Index Cond") or "Index" not in node["Node Type"] else ", whole")
            for node in self.nodes
            if node.get("Relation Name") == table and "Scan" in node["Node Type"]
        ]


async def explain(connection: Connection, statement: str, *arguments: object) -> Plan:
    """Run *statement* as a prepared one, with the generic plan that workers get, and tell how it went."""
    types = [one.name for one in (await connection.prepare(statement)).get_parameters()]
    literals = [
        await connection.fetchval(f"SELECT quote_nullable($1::{type}::text)", argument)
        for type, argument in zip(types, arguments, strict=True)
    ]
    await connection.execute(f"PREPARE explained ({', '.join(types)}) AS {statement}")
    try:
        text = await connection.fetchval(
            f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE explained ({', '.join(literals)})"
        )
    finally:
        await connection.execute("DEALLOCATE explained")
    return Plan(list(_nodes(json.loads(text)[0]["Plan"])))


def _nodes(node: dict[str, Any]) -> Iterable[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


class SteppedClock:
    """A monotonic clock that goes on only when told to; give its `now` to monkeypatch in place of `clock.monotonic`."""

    def __init__(self) -> None:
        self._at = clock.monotonic()

    def now(self) -> float:
        return self._at

    def step(self, seconds: float) -> None:
        self._at += seconds


async def waiting_for_lock(rig: Rig, pid: int) -> None:
    """Wait until the server process *pid* waits for somebody's lock."""

    async def waits() -> bool:
        state = await rig.pool.fetchval("SELECT wait_event_type FROM pg_stat_activity WHERE pid = $1", pid)
        return bool(state == "Lock")

    condition: Callable[[], bool | Awaitable[bool]] = waits
    await wait_until(condition, what="it waits for the lock")


async def all_leases_over(rig: Rig) -> None:
    """Wait until every lease has run out by the database's clock."""

    async def over() -> bool:
        return bool(await rig.pool.fetchval("SELECT bool_and(lease_until < clock_timestamp()) FROM job"))

    condition: Callable[[], bool | Awaitable[bool]] = over
    await wait_until(condition, what="the leases have run out")
