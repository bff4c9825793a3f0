"""Items of feeds that are snoozed: each has a job that brings it back when its time has come."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from clarion.domain.feed_name import feed_name
from clarion.domain.verdict import quarantined
from clarion.flows.hearing import Hearing
from clarion.flows.slots import Slots
from clarion.queue import add as queue
from clarion.queue import settle
from clarion.queue.job import Job, NewJob
from clarion.store import feed
from clarion.store.database import Connection, Pool

QUEUE, KIND = "feed", "wake"


async def add(
    connection: Connection, tenant_id: UUID, recipient_id: str, message_ids: Sequence[UUID], until: datetime
) -> None:
    """In the transaction that snoozes these items: bring them back at *until*, and at no earlier time that was said."""
    await queue.set_many(
        connection,
        [
            NewJob(
                queue=QUEUE,
                kind=KIND,
                tenant_id=tenant_id,
                key=id.hex,
                run_at=until,
                args={"recipient": recipient_id, "item": id.hex},
            )
            for id in message_ids
        ],
    )


class Wake:
    """The handler of `wake` jobs. An item that is snoozed no longer, or until later, is left as it is."""

    def __init__(
        self, pool: Pool, *, wake: Callable[[str], None], slots: Slots, hearing: Hearing | None = None
    ) -> None:
        """*wake* is told the names of feeds that changed."""
        self._pool = pool
        self._wake = wake
        self._slots = slots
        self._hearing = hearing

    async def __call__(self, jobs: Sequence[Job]) -> None:
        """Bring the items of *jobs* back, new again."""
        reasons = {job: reason for job in jobs if (reason := quarantined(job.rescues))}
        jobs = [job for job in jobs if job not in reasons]
        changed: list[str] = []
        with self._slots.lend() as slot:
            async with self._pool.acquire() as connection, connection.transaction():
                lost = await settle.bury(connection, reasons, slot=slot)
                for (tenant_id, recipient_id), items in sorted(_by_feed(jobs).items()):
                    if await feed.wake(connection, tenant_id, recipient_id, items):
                        changed.append(feed_name(tenant_id, recipient_id))
                await settle.settle(connection, jobs, slot=slot)
                if self._hearing is not None:
                    await self._hearing.buried(connection, reasons, lost)
        if self._hearing is not None:
            self._hearing.ring()
        for name in changed:
            self._wake(name)


def _by_feed(jobs: Sequence[Job]) -> dict[tuple[UUID, str], list[UUID]]:
    found: dict[tuple[UUID, str], list[UUID]] = defaultdict(list)
    for job in jobs:
        found[job.tenant_id, job.args["recipient"]].append(UUID(hex=job.args["item"]))
    return found
