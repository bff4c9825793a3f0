"""Cancelling a trigger: a tombstone that expansion and sending both read, and a sweep of what still waits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

import structlog

from clarion import ids
from clarion.domain.status import Status
from clarion.domain.verdict import Verdict
from clarion.errors import Conflict, NotFound
from clarion.flows.endings import Ending
from clarion.flows.slots import Slots
from clarion.queue import add, settle, withdraw
from clarion.queue.job import Job, NewJob
from clarion.store import messages, runs, triggers
from clarion.store.database import Connection, Pool

log = structlog.get_logger()

#: The queue and the kind of the sweep.
QUEUE = "system"
KIND = "sweep_cancelled"

_PAGE = 1000


async def cancel(connection: Connection, tenant_id: UUID, id: UUID, *, wake: Callable[[str], None]) -> None:
    """Cancel one trigger. What already has an intent goes out; nothing else does, once this has returned.

    Raises `NotFound`, or `Conflict` when it has ended.
    """
    shown = ids.show(ids.Prefix.TRIGGER, id)
    async with connection.transaction():
        row = await triggers.get(connection, tenant_id, id)
        if row is None:
            raise NotFound(f"There is no trigger {shown}.")
        if not await triggers.cancel(connection, tenant_id, id):
            if row["status"] == "cancelled":
                return
            raise Conflict(
                f"Trigger {shown} is {row['status']}: there is nothing left to cancel.", code="not_cancellable"
            )
        await withdraw.withdraw(connection, [id])  # the page that waits to be expanded, or the send_at
        await add.add(
            connection, NewJob(id=ids.new(), queue=QUEUE, kind=KIND, tenant_id=tenant_id, args={"trigger": id.hex})
        )
    log.info("trigger.cancelled", trigger=shown)
    wake(QUEUE)


class SweepCancelled:
    """The handler of `sweep_cancelled` jobs: ends messages and runs that wait, so that none hangs until then."""

    def __init__(self, pool: Pool, *, slots: Slots) -> None:
        self._pool = pool
        self._slots = slots

    async def __call__(self, jobs: Sequence[Job]) -> None:
        """Sweep each job's trigger, page by page."""
        for job in jobs:
            trigger_id = UUID(hex=job.args["trigger"])
            after = UUID(int=0)
            with self._slots.lend() as slot:
                async with self._pool.acquire() as connection:
                    while page := await messages.waiting_of_trigger(connection, trigger_id, after, _PAGE):
                        await _sweep(connection, page, slot)
                        after = page[-1]
                    after = UUID(int=0)
                    while page := await runs.waiting_of_trigger(connection, job.tenant_id, trigger_id, after, _PAGE):
                        await _sweep_runs(connection, page, slot)
                        after = page[-1]
                    await settle.settle(connection, [job], keep=True)


async def _sweep(connection: Connection, page: Sequence[UUID], slot: int) -> None:
    """End those whose job nobody holds; whoever holds one reads the tombstone before it sends."""
    async with connection.transaction():
        withdrawn = await withdraw.withdraw(connection, page)
        rows = await messages.load(connection, withdrawn) if withdrawn else []
        verdict = Verdict(status=Status.CANCELLED, reason="its trigger was cancelled", event="cancelled")
        news = [Ending.news_of(row["id"], Status.QUEUED, row["attempts"], verdict) for row in rows]
        await messages.record(connection, news, slot=slot)


async def _sweep_runs(connection: Connection, page: Sequence[UUID], slot: int) -> None:
    """End those whose job nobody holds; whoever holds one reads the tombstone before the run goes on."""
    async with connection.transaction():
        withdrawn = await withdraw.withdraw(connection, page)
        await runs.move(connection, [runs.Move(id=id, status="cancelled") for id in withdrawn], slot=slot)
