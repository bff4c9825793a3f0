"""When the next job of a queue is due: so that who waits for it need not look again and again."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from clarion import sql
from clarion.queue.job import LANES, LAST_PRIORITY, Connection

_SQL = sql.load(__file__)

_PRIORITIES = [priority for priority in range(LAST_PRIORITY + 1) for _ in range(LANES)]
_LANES = list(range(LANES)) * (LAST_PRIORITY + 1)


async def next_due(
    connection: Connection, queue: str, since: timedelta, *, also: Collection[int] = ()
) -> timedelta | None:
    """How long until the next job of *queue* is due, by the database's clock; None when none will be.

    Jobs that became due longer than *since* ago do not count: a claim has seen them. What became due after that is
    due in no time, or less. Nothing is due while the queue is paused. *also*: lanes of paced jobs to look into.
    """
    priorities = _PRIORITIES + [priority for priority in range(LAST_PRIORITY + 1) for _ in also]
    lanes = _LANES + [*also] * (LAST_PRIORITY + 1)
    remains: timedelta | None = await connection.fetchval(_SQL["next"], queue, priorities, lanes, since)
    return remains
