"""Delivering to feeds: the feed's row, the message's end and the job's leave in one transaction.

There is no outside world here, so there is no intent and no doubt: each item is there exactly once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

import structlog

from clarion.domain.content import InAppContent
from clarion.domain.feed_name import feed_name
from clarion.domain.status import RETRYABLE, Status
from clarion.domain.verdict import Verdict, before_sending, not_renderable, out_of_reach
from clarion.errors import Invalid
from clarion.flows.contexts import Context, Contexts
from clarion.flows.endings import PASSING, Ending, record, redriven, tell
from clarion.flows.hearing import Hearing
from clarion.flows.slots import Slots
from clarion.queue import settle
from clarion.queue.job import Job
from clarion.store import feed_delivery, messages
from clarion.store.database import Connection, Pool
from clarion.store.feed_delivery import NewItem

log = structlog.get_logger()

_DELIVERED = Verdict(status=Status.DELIVERED)


class DeliverInApp:
    """The handler of `deliver` jobs in the queue `in_app`; a job's id is its message's."""

    def __init__(
        self,
        pool: Pool,
        contexts: Contexts,
        *,
        slots: Slots,
        hearing: Hearing | None = None,
        wake: Callable[[str], None] = lambda _: None,
    ) -> None:
        """*wake* is told the names of feeds that changed."""
        self._pool = pool
        self._wake = wake
        self._contexts = contexts
        self._slots = slots
        self._hearing = hearing

    async def __call__(self, jobs: Sequence[Job]) -> None:
        """Put each job's message into its recipient's feed, or end it with a reason."""
        by_id = {job.id: job for job in jobs}
        with self._slots.lend() as slot:
            try:
                async with self._pool.acquire() as connection:
                    await self._deliver(connection, by_id, slot)
            except PASSING as error:  # nothing was committed, or all of it: the next claim finds out
                log.warning("message.feed_failed", error=str(error), messages=len(jobs))

    async def _deliver(self, connection: Connection, jobs: Mapping[UUID, Job], slot: int) -> None:
        rows = {row["id"]: row for row in await messages.load(connection, list(jobs))}
        contexts = await self._contexts.get(connection, {row["trigger_id"] for row in rows.values()})
        idle = [job for id, job in jobs.items() if not _is_wanted(rows.get(id))]
        endings: list[Ending] = []
        items: dict[UUID, NewItem] = {}
        for id, row in rows.items():
            if _is_wanted(row):
                ending, item = _decide(jobs[id], row, contexts[row["trigger_id"]])
                endings.append(ending)
                if item is not None:
                    items[id] = item
        async with connection.transaction():
            cancelled = await messages.lock_and_find_cancelled(connection, list(contexts))
            late = [e.job for e in endings if e.job.id in items and rows[e.job.id]["trigger_id"] in cancelled]
            await settle.release(connection, late, slot=slot)  # the next claim reads the tombstone and says so
            await settle.settle(connection, idle, slot=slot)
            endings = [e for e in endings if e.job not in late]
            moved = await record(connection, endings, slot=slot, hearing=self._hearing)
            delivered = [item for id, item in items.items() if id in moved]
            await feed_delivery.deliver(connection, delivered)
        for item in delivered:
            self._wake(feed_name(item.tenant_id, item.recipient_id))
        if self._hearing is not None:
            self._hearing.ring()
        for ending in endings:
            tell(ending)


def _decide(job: Job, row: Mapping[str, Any], context: Context) -> tuple[Ending, NewItem | None]:
    status, number = Status(row["status"]), row["attempts"]
    if status in RETRYABLE:
        return redriven(job, status, number), None
    verdict = before_sending(cancelled=row["cancelled"], remains=row["remains"], rescues=job.rescues)
    if verdict is not None:
        return Ending(job, status, number, verdict), None
    try:
        content = context.render(row)
    except Invalid as error:
        return Ending(job, status, number, not_renderable(f"{error.code}: {error.message}")), None
    if context.sandbox:
        return Ending(job, status, number, out_of_reach("in a sandbox: nobody's feed has it")), None
    assert isinstance(content, InAppContent)
    item = NewItem(
        message_id=row["id"],
        tenant_id=row["tenant_id"],
        recipient_id=row["recipient_id"],
        workflow_key=context.workflow_key,
        category=context.category,
        content=content,
    )
    return Ending(job, status, number, _DELIVERED), item


def _is_wanted(row: Mapping[str, Any] | None) -> bool:
    return row is not None and (row["status"] == Status.QUEUED or row["status"] in RETRYABLE)
