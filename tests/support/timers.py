"""Timers on a real database, with the short words that their tests use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from clarion import ids
from clarion.domain.action import Action, Publish
from clarion.domain.timer import Cancelled, cause_of
from clarion.flows import publish_action
from clarion.flows.act import Act
from clarion.flows.definitions import Definitions
from clarion.flows.fire import Fire
from clarion.flows.slots import Slots
from clarion.flows.timers import QUEUE, NewTimer, cancel_timers, set_timers
from clarion.flows.verify import verify
from clarion.ids import Prefix
from clarion.queue.claim import Claimer
from clarion.queue.job import Job
from clarion.store.database import Pool

FAR = datetime(2100, 1, 1, tzinfo=UTC)
PAST = datetime(2020, 1, 1, tzinfo=UTC)


def expired(order: str) -> Publish:
    """What the timers of tests tell."""
    return Publish(kind="nats", target={"subject": "expiration.complete"}, body={"orderId": order})


@dataclass(kw_only=True)
class Timers:
    """One database with its timers."""

    pool: Pool
    tenant: UUID
    rung: list[str] = field(default_factory=list)

    def new(self, key: str, at: datetime = PAST, *actions: Action, **more: Any) -> NewTimer:
        """A timer that tells of the order *key* unless other *actions* are given."""
        given: dict[str, Any] = {"tenant_id": self.tenant, "key": key, "at": at, "actions": actions or [expired(key)]}
        return NewTimer(**given | more)

    async def set(self, *timers: NewTimer) -> list[UUID]:
        async with self.pool.acquire() as connection, connection.transaction():
            return await set_timers(connection, timers)

    async def cancel(self, *keys: str) -> list[Cancelled]:
        async with self.pool.acquire() as connection, connection.transaction():
            return await cancel_timers(connection, [(self.tenant, key) for key in keys])

    async def claim(self, limit: int = 500) -> list[Job]:
        async with self.pool.acquire() as connection:
            return await Claimer(QUEUE, worker="w", lease=timedelta(minutes=1)).claim(connection, limit)

    def fire(self, **words: Any) -> Fire:
        """A handler; what it rings for is in `rung`."""
        return Fire(self.pool, Act(Definitions()), wake=self.rung.append, slots=Slots(), **words)

    async def run(self) -> Sequence[Job]:
        """Fire what is due; the jobs that were claimed for it."""
        jobs = await self.claim()
        if jobs:
            await self.fire()(jobs)
        return jobs

    async def row(self, key: str) -> Any:
        return await self.pool.fetchrow("SELECT * FROM timer WHERE tenant_id = $1 AND key = $2", self.tenant, key)

    async def publications(self) -> list[str]:
        """The ids of what is to go out."""
        rows = await self.pool.fetch("SELECT args FROM job WHERE queue = 'publish' ORDER BY id")
        return [row["args"]["id"] for row in rows]

    async def agree(self) -> int:
        """How many timers are pending; each has its job, and no job is without its timer."""
        pending = await self.pool.fetch("SELECT id, tenant_id, key FROM timer WHERE status = 'pending' ORDER BY id")
        jobs = await self.pool.fetch("SELECT id, tenant_id, key FROM job WHERE queue = $1 ORDER BY id", QUEUE)
        assert pending == jobs
        return len(pending)

    async def assert_told_once(self, fired: Sequence[UUID]) -> None:
        """Each of *fired* is told of once, under the id that any other try of it would have had."""
        causes = [cause_of(ids.show(Prefix.TIMER, id), 1, 0) for id in fired]
        assert sorted(await self.publications()) == sorted(publish_action.id_of(self.tenant, cause) for cause in causes)
        async with self.pool.acquire() as connection:
            assert await verify(connection, lease=timedelta(seconds=2)) == []
