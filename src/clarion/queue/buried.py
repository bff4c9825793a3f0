"""Jobs that failed for good: looking at them, giving them another chance, clearing them away."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from clarion import sql
from clarion.queue.job import Connection

_SQL = sql.load(__file__)

#: How many jobs one statement moves or deletes.
BATCH = 500

#: How many of the newest buried jobs are looked at to group them.
GROUPED = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class Redriven:
    """What became of a redrive."""

    #: Ready again, with no attempt spent.
    ready: frozenset[UUID]
    #: Still buried, because another job has their key (or their id) now.
    taken: frozenset[UUID]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Buried jobs that failed alike."""

    #: The error with everything that differs from job to job taken out.
    fingerprint: str
    count: int
    #: One of the errors in full, the newest.
    example: str
    first_at: datetime
    last_at: datetime


async def redrive(
    connection: Connection, queue: str, ids: Collection[UUID] | None = None, *, tenant_id: UUID | None = None
) -> Redriven:
    """Make buried jobs ready again: those of *ids*, or all of *queue* when None; of one tenant where given.

    The oldest of a batch go first, so that of several with one key the oldest gets it. Ids that are not buried there
    are in neither answer. A batch is a statement: outside of a transaction each commits by itself. Whoever calls
    rings afterwards.
    """
    ready: set[UUID] = set()
    taken: set[UUID] = set()
    batches = _all(connection, queue, tenant_id) if ids is None else _given(ids)
    async for batch in batches:
        for row in await connection.fetch(_SQL["redrive"], queue, tenant_id, batch):
            (ready if row["moved"] else taken).add(row["id"])
    return Redriven(ready=frozenset(ready), taken=frozenset(taken))


async def clean(connection: Connection, queue: str, older_than: timedelta, *, tenant_id: UUID | None = None) -> int:
    """Delete the jobs of *queue* that were buried longer ago than *older_than*; how many went.

    In batches, each a statement: outside of a transaction nobody ever waits for long.
    """
    gone = 0
    while True:
        batch: int = await connection.fetchval(_SQL["clean"], queue, older_than, tenant_id, BATCH)
        gone += batch
        if batch < BATCH:
            return gone


async def forget(connection: Connection, id: UUID) -> None:
    """Drop the record of a buried job whose work is taken up again under the same id; nothing when there is none."""
    await connection.execute(_SQL["forget"], id)


async def groups(connection: Connection, queue: str, *, tenant_id: UUID | None = None, limit: int = 20) -> list[Group]:
    """The newest `GROUPED` buried jobs of *queue* by what went wrong, the commonest first."""
    rows = await connection.fetch(_SQL["groups"], queue, tenant_id, GROUPED, limit)
    return [Group(**row) for row in rows]


async def _given(ids: Collection[UUID]) -> AsyncIterator[list[UUID]]:
    for start in range(0, len(in_order := sorted(set(ids))), BATCH):
        yield in_order[start : start + BATCH]


async def _all(connection: Connection, queue: str, tenant_id: UUID | None) -> AsyncIterator[list[UUID]]:
    """What is buried now, a batch at a time; what is buried meanwhile, perhaps again, is not part of it."""
    until = await connection.fetchval("SELECT clock_timestamp()")
    at, id = datetime.fromtimestamp(0, UTC), UUID(int=0)
    while rows := await connection.fetch(_SQL["page"], queue, tenant_id, at, id, until, BATCH):
        yield [row["id"] for row in rows]
        at, id = rows[-1]["buried_at"], rows[-1]["id"]
