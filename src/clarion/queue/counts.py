"""How a queue stands: how many jobs in each state, how late the oldest is, and how fast it goes.

Cheap at any backlog: counting stops at `COUNT_LIMIT` and says so, because counting a million rows exactly takes 80 to
400 ms, and a counter kept by every add would make the transactions that add wait for each other. The age of the oldest
is always exact, and found by one look into the index for each priority and lane that has work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

from clarion import sql
from clarion.queue.job import LANES, Connection

_SQL = sql.load(__file__)

#: How far jobs of one state are counted. Chosen so that the worst case, scattered rows that were never vacuumed, stays
#: under 50 ms.
COUNT_LIMIT = 25_000

#: How far back rates look: this many minutes, the present one included.
RATES_OVER = timedelta(minutes=5)


class Count(NamedTuple):
    """A number of jobs."""

    value: int
    #: There are more: counting stopped here.
    at_least: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueCounts:
    """One queue, now."""

    queue: str
    paused: bool
    #: Due, waiting for a worker.
    ready: Count
    #: Those of the ready ones that keep to a pace of their own.
    paced: Count
    #: Due later: delayed, put off.
    scheduled: Count
    #: Leased to a worker.
    running: Count
    #: Failed for good, kept for inspection.
    buried: Count
    #: Finished, for as long as the tally is kept.
    done: int
    #: How long the oldest ready job has been due; None when none is ready.
    oldest: timedelta | None
    #: Per second, over the last minutes.
    done_per_second: float
    retried_per_second: float
    buried_per_second: float


async def queues(connection: Connection) -> list[str]:
    """The names of all queues of which anything is known, in order."""
    return [row["queue"] for row in await connection.fetch(_SQL["queues"], COUNT_LIMIT)]


async def counts(connection: Connection, queue: str) -> QueueCounts:
    """How *queue* stands; all zero for one that nobody ever heard of."""
    row = await connection.fetchrow(_SQL["counts"], queue, COUNT_LIMIT + 1, RATES_OVER, LANES)
    assert row is not None
    return QueueCounts(
        queue=queue,
        paused=row["paused"],
        ready=_count(row["ready"]),
        paced=_count(row["paced"]),
        scheduled=_count(row["scheduled"]),
        running=Count(min(row["running"], COUNT_LIMIT), at_least=row["running_anywhere"] > COUNT_LIMIT),
        buried=_count(row["buried"]),
        done=row["done"],
        oldest=row["oldest"],
        done_per_second=row["done_per_second"],
        retried_per_second=row["retried_per_second"],
        buried_per_second=row["buried_per_second"],
    )


async def all_counts(connection: Connection) -> list[QueueCounts]:
    """How every queue stands, by name."""
    return [await counts(connection, queue) for queue in await queues(connection)]


async def totals(connection: Connection) -> Sequence[Mapping[str, Any]]:
    """How many jobs of each queue (`queue`) were ever `done`, `retried` and `buried`: these only grow."""
    return await connection.fetch(_SQL["totals"])


async def paced(connection: Connection) -> dict[str, Count]:
    """How many due jobs keep to each pace."""
    rows = await connection.fetch(_SQL["paced"], COUNT_LIMIT + 1)
    return {row["pace"]: _count(row["number"]) for row in rows}


def _count(counted: int) -> Count:
    return Count(min(counted, COUNT_LIMIT), at_least=counted > COUNT_LIMIT)
