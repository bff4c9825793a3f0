"""Expansion and runs that go on, in the test's own process: what time it is, the test says of the jobs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from clarion import ids
from clarion.domain.recipient import Recipient
from clarion.domain.step import Step
from clarion.domain.workflow import Workflow
from clarion.flows import cancel, trigger
from clarion.flows.advance import Advance
from clarion.flows.caps import Caps
from clarion.flows.contexts import Contexts
from clarion.flows.definitions import Definitions
from clarion.flows.expand import KIND, Expand
from clarion.flows.finish import Finish
from clarion.flows.handover import Handover
from clarion.flows.published import Published
from clarion.flows.rows import ADVANCE, WAITING
from clarion.flows.slots import Slots
from clarion.flows.verify import verify
from clarion.store import recipients, tenants, topics, workflows
from clarion.store.database import Pool, open_pool
from clarion.templates.source import Bundle
from clarion.turns import Turns
from clarion.worker.consumer import Consumer
from clarion.worker.pace import Pace

PACE = Pace(claim=500, batch=500, lease=timedelta(seconds=30))


@dataclass(kw_only=True)
class Steps:
    """Workflows of a test's own steps, triggered and taken on."""

    pool: Pool
    tenant_id: UUID
    expanding: Consumer
    advancing: Consumer
    advance: Advance
    sweeping: Consumer
    finish: Finish
    rung: list[str]
    handover: Handover
    #: Makes one more worker that expands.
    another_expander: Callable[[], Consumer]
    _definitions: Definitions = field(default_factory=Definitions)

    async def publish(self, *steps: Step, key: str = "w", expires_after: timedelta = timedelta(hours=1)) -> None:
        """A workflow of these *steps*; nothing is ever rendered, so that it needs no words."""
        definition = Workflow(key=key, steps=steps, expires_after=expires_after).to_json()
        async with self.pool.acquire() as connection, connection.transaction():
            await workflows.publish(
                connection, self.tenant_id, key, hash=ids.new().hex, definition=definition, bundle=Bundle().to_json()
            )

    async def trigger(self, who: Iterable[str | Recipient] = ("ana",), *, key: str = "w", **given: Any) -> UUID:
        """Trigger the workflow for these people, who have an address each unless described, and expand it."""
        id = await self.accept(who, key=key, **given)
        await self.expanding.run_once()
        return id

    async def accept(self, who: Iterable[str | Recipient] = ("ana",), *, key: str = "w", **given: Any) -> UUID:
        """Trigger the workflow for these people, and do no more about it."""
        people = [one if isinstance(one, Recipient) else Recipient(id=one, email=f"{one}@example.com") for one in who]
        request = trigger.Request(workflow=key, inline=people, **given)
        async with self.pool.acquire() as connection:
            accepted = await trigger.trigger(
                connection, self.tenant_id, request, definitions=self._definitions, wake=self.rung.append
            )
        return accepted.id

    async def topic(self, key: str, who: Sequence[str]) -> None:
        """A topic of these people."""
        async with self.pool.acquire() as connection, connection.transaction():
            await recipients.put_many(
                connection, self.tenant_id, [Recipient(id=id, email=f"{id}@example.com") for id in who]
            )
            await topics.put(connection, self.tenant_id, key, None)
            await topics.add_members(connection, self.tenant_id, key, who)

    async def time_comes(self) -> int:
        """Every wait is over by the jobs' times, and the runs go on; how many did."""
        await self.pool.execute("UPDATE job SET run_at = clock_timestamp() WHERE queue = $1", WAITING)
        went = 0
        while count := await self.advancing.run_once():
            went += count
        return went

    async def cancel(self, id: UUID) -> None:
        """Cancel trigger *id*."""
        async with self.pool.acquire() as connection:
            await cancel.cancel(connection, self.tenant_id, id, wake=self.rung.append)

    async def end_messages(self) -> None:
        """Stands for the channels: all that is queued comes to an end."""
        async with self.pool.acquire() as connection, connection.transaction():
            await connection.execute("DELETE FROM job WHERE kind = 'deliver'")
            await connection.execute(
                "UPDATE trigger_count SET expired = expired + queued, queued = 0 WHERE channel = 'email'"
            )
            await connection.execute(
                "UPDATE message SET status = 'expired', ended_at = clock_timestamp() WHERE status = 'queued'"
            )

    async def messages(self, id: UUID) -> list[tuple[str, int, str, str | None]]:
        """Recipient, step, status and reason of each message of a trigger, in the order in which they were made."""
        rows = await self.pool.fetch(
            "SELECT recipient_id, step, status, reason FROM message WHERE trigger_id = $1 ORDER BY id", id
        )
        return [tuple(row) for row in rows]

    async def run(self, id: UUID) -> tuple[str, int]:
        """Status and step of the only run of a trigger."""
        (row,) = await self.pool.fetch("SELECT status, step FROM run WHERE trigger_id = $1", id)
        return row["status"], row["step"]

    async def status(self, id: UUID) -> str:
        """Of a trigger, after a look at whether it is complete."""
        await self.finish.run_once()
        status: str = await self.pool.fetchval("SELECT status FROM trigger WHERE id = $1", id)
        return status

    async def assert_well(self) -> None:
        """No promise is broken."""
        async with self.pool.acquire() as connection:
            assert await verify(connection) == []


@asynccontextmanager
async def open_steps(
    url: str, *, page: int = 100_000, first_page: int = 100_000, caps: Caps | None = None
) -> AsyncIterator[Steps]:
    """All of it on the migrated database at *url*; *page* recipients are expanded at once, *first_page* at first."""
    pool = await open_pool(url, size=14, statement_timeout_s=30, application_name="test-steps")
    async with pool:
        published, slots, rung = Published(default_locale="en"), Slots(), list[str]()
        advance = Advance(pool, published, wake=rung.append, slots=slots, caps=caps)
        handover = Handover("w", PACE.lease)
        expand = Expand(
            *(pool, published),
            page=page,
            first_page=first_page,
            wake=rung.append,
            slots=slots,
            turns=Turns(),
            handover=handover,
            contexts=Contexts(published),
            caps=caps,
        )

        def consumer(queue: str, kind: str, handler: Any) -> Consumer:
            return Consumer(pool, queue, {kind: handler}, worker="w", pace=PACE, called=asyncio.Event())

        async with pool.acquire() as connection:
            tenant_id = await tenants.ensure(connection, "one")
        yield Steps(
            pool=pool,
            tenant_id=tenant_id,
            expanding=consumer("expand", KIND, expand),
            advancing=consumer(WAITING, ADVANCE, advance),
            advance=advance,
            sweeping=consumer(cancel.QUEUE, cancel.KIND, cancel.SweepCancelled(pool, slots=slots)),
            finish=Finish(pool),
            rung=rung,
            handover=handover,
            another_expander=partial(consumer, "expand", KIND, expand),
        )
