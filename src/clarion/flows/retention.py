"""Removing what has been kept long enough: by the system's schedule, or because somebody asks for it.

Rows go in batches, each a statement of a few milliseconds, messages as whole weeks: nobody waits for it. What tells
repeats of a broker's messages apart is never removed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

import structlog

from clarion import clock
from clarion.queue import retention as jobs
from clarion.queue import workers
from clarion.store import (
    answers,
    attachments,
    callbacks,
    cap_uses,
    partitions,
    quarantine,
    retention,
    sources,
    suppressions,
)
from clarion.store.database import Connection

log = structlog.get_logger()

#: How long the counts by minute are kept, …
_TALLY = timedelta(days=8)
#: … and how long they stay by the minute before they are summed by the hour.
_FINE = timedelta(hours=2)
#: How long a repetition of what a provider told is known by its key.
_SEEN = timedelta(days=8)
#: How long a soft bounce can be counted: the longest window that there may be.
_SOFT = timedelta(days=90)
#: How long a worker that ended in silence stays on the list.
_SILENT = timedelta(hours=1)

_Prune = Callable[[Connection, timedelta, int], Awaitable[int]]


class What(StrEnum):
    """What can be removed."""

    COMPLETED_JOBS = "completed_jobs"  #: records of finished jobs
    FAILED_JOBS = "failed_jobs"  #: buried jobs
    MESSAGES = "messages"  #: weeks of messages with runs, attempts and timelines; then their triggers
    FEED = "feed"  #: items of feeds
    ATTACHMENTS = "attachments"  #: files that were uploaded
    TIMERS = "timers"  #: timers that fired or were cancelled
    SCHEDULE_RUNS = "schedule_runs"  #: what schedules did


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """What became of one kind: how many rows went, or would go; of messages how many weeks, besides the triggers."""

    rows: int
    weeks: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What a round did. With `more`, its time was up before all was gone, or others were in the way."""

    removed: Mapping[What, Removed]
    more: bool = False


Ages = Mapping[What, timedelta]

_ROWS: Mapping[What, _Prune] = {
    What.COMPLETED_JOBS: jobs.prune_done,
    What.FAILED_JOBS: jobs.prune_buried,
    What.FEED: retention.prune_feed,
    What.ATTACHMENTS: attachments.prune,
    What.TIMERS: retention.prune_timers,
    What.SCHEDULE_RUNS: retention.prune_schedule_runs,
}
_COUNT: Mapping[What, Callable[[Connection, timedelta], Awaitable[int]]] = {
    What.COMPLETED_JOBS: jobs.count_done,
    What.FAILED_JOBS: jobs.count_buried,
    What.FEED: retention.count_feed,
    What.ATTACHMENTS: attachments.count,
    What.TIMERS: retention.count_timers,
    What.SCHEDULE_RUNS: retention.count_schedule_runs,
}


async def prune(
    connection: Connection,
    ages: Ages,
    *,
    only: Collection[What] = tuple(What),
    budget: timedelta | None = None,
) -> Pruned:
    """Remove what is older than *ages* say, *only* of these kinds, outside of a transaction, for *budget* at most."""
    until = None if budget is None else clock.monotonic() + budget.total_seconds()
    removed: dict[What, Removed] = {}
    more = False
    for what in sorted(only):
        if what is What.MESSAGES:
            dropped, all_gone = await partitions.drop(connection, ages[what])
            if dropped:
                log.info("partitions.dropped", partitions=dropped)
            rows, left = await _rows(connection, retention.prune_triggers, ages[what] + partitions.WEEK, until)
            await _rows(connection, _prune_quarantine, ages[what] + partitions.WEEK, until)
            removed[what] = Removed(rows=rows, weeks=len({partitions.week_of(name) for name in dropped}))
            more = more or left or not all_gone
        else:
            rows, left = await _rows(connection, _ROWS[what], ages[what], until)
            removed[what] = Removed(rows=rows)
            more = more or left
    if gone := sum(one.rows for one in removed.values()):
        log.info("rows.pruned", rows=gone)
    return Pruned(removed=removed, more=more)


async def preview(connection: Connection, ages: Ages, *, only: Collection[What] = tuple(What)) -> Pruned:
    """What `prune` would remove now."""
    found: dict[What, Removed] = {}
    for what in sorted(only):
        if what is What.MESSAGES:
            triggers = await retention.count_triggers(connection, ages[what] + partitions.WEEK)
            found[what] = Removed(rows=triggers, weeks=len(await partitions.over(connection, ages[what])))
        else:
            found[what] = Removed(rows=await _COUNT[what](connection, ages[what]))
    return Pruned(removed=found)


async def tidy(connection: Connection) -> int:
    """Fold and remove old counts, and forget workers that ended in silence, what providers told long ago,
    suppressions that expired and answers that are kept no longer; how many rows went."""
    gone = 0
    for prune_rows, age in (
        (jobs.prune_tally, _TALLY),
        (jobs.compact_tally, _FINE),
        (_prune_workers, _SILENT),
        (callbacks.prune, _SEEN),
        (suppressions.prune, timedelta(0)),
        (suppressions.prune_soft, _SOFT),
        (cap_uses.prune, timedelta(0)),
        (answers.prune, timedelta(0)),
        (_fold_counts, timedelta(0)),
    ):
        rows, _ = await _rows(connection, prune_rows, age, None)
        gone += rows
    return gone


async def _prune_workers(connection: Connection, older_than: timedelta, _: int) -> int:
    return await workers.prune(connection, older_than) + await sources.prune(connection, older_than)


async def _fold_counts(connection: Connection, _: timedelta, limit: int) -> int:
    return await callbacks.fold(connection, limit)


async def _prune_quarantine(connection: Connection, older_than: timedelta, _: int) -> int:
    return await quarantine.prune(connection, older_than)


async def _rows(connection: Connection, prune_rows: _Prune, age: timedelta, until: float | None) -> tuple[int, bool]:
    """Batch after batch until there is none; how many rows went, and whether there may be more."""
    gone = 0
    while until is None or clock.monotonic() < until:
        count = await prune_rows(connection, age, jobs.BATCH)
        gone += count
        if count == 0:
            return gone, False
    return gone, True
