"""Setting timers and taking them back. A timer is a row and, while it is pending, a job of the engine with its id.

Both are written in the caller's transaction. Whoever calls rings for `QUEUE` after the commit, if `soon` says so.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from clarion import clock, ids
from clarion.domain import action
from clarion.domain.timer import Cancelled, TimerStatus
from clarion.flows.attaching import uploaded
from clarion.queue import add, withdraw
from clarion.queue.job import NewJob
from clarion.store import attachments, timers
from clarion.store.database import Connection

#: The queue of timers, and the kind of their jobs.
QUEUE = "timers"
KIND = "fire"

#: Consumers look for themselves at least this often: what is due later need not be rung for.
_LOOK_EVERY = timedelta(seconds=90)
#: Where the fence of a timer's job begins: far from that of any earlier job of this timer.
_FENCES = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTimer:
    """A timer to set."""

    tenant_id: UUID
    #: Unique per tenant; the caller has checked it (`domain.identifier`).
    key: str
    #: When it fires; one in the past fires at once.
    at: datetime
    actions: Sequence[action.Action]
    #: The application's own words, shown and searched.
    metadata: Mapping[str, Any] = field(default_factory=dict)


async def set_timers(connection: Connection, wanted: Sequence[NewTimer]) -> list[UUID]:
    """Set all of *wanted*, or give those that exist the new time, actions and metadata; their ids, in the same order.

    Of several with one key the last one counts. A timer that fires at this moment fires first, and then again at its
    new time: a set is never lost.
    """
    by_name = {(new.tenant_id, new.key): new for new in wanted}
    if not by_name:
        return []
    rows = [
        (id, new.tenant_id, new.key, new.at, [action.to_json(one) for one in new.actions], new.metadata)
        for id, new in zip(ids.new_many(len(by_name)), by_name.values(), strict=True)
    ]
    stored = await timers.set_many(connection, rows)
    await plan(connection, stored)
    id_of = {(row["tenant_id"], row["key"]): row["id"] for row in stored}
    files = {(name, id_of[new]) for new, one in by_name.items() for name in uploaded(one.tenant_id, one.actions)}
    await attachments.hold(connection, files)
    return [id_of[new.tenant_id, new.key] for new in wanted]


async def cancel_timers(connection: Connection, names: Sequence[tuple[UUID, str]]) -> list[Cancelled]:
    """Take back the timers *names* (tenant, key); what became of each, in the same order."""
    if not names:
        return []
    rows = await timers.cancel_many(connection, list(set(names)))
    await withdraw.drop(connection, [row["id"] for row in rows if row["status"] == TimerStatus.PENDING])
    found = {(row["tenant_id"], row["key"]): row["status"] for row in rows}
    return [_answer(found.get(name)) for name in names]


async def plan(connection: Connection, rows: Iterable[timers.Row]) -> None:
    """Give the pending timers *rows* (id, tenant, key, time) their jobs, or their jobs that time."""
    await add.set_many(
        connection,
        [
            NewJob(
                id=row["id"],
                queue=QUEUE,
                kind=KIND,
                tenant_id=row["tenant_id"],
                key=row["key"],
                run_at=row["fire_at"],
                fence=random.randrange(_FENCES),  # noqa: S311 - keeps no secret
            )
            for row in rows
        ],
    )


def soon(times: Iterable[datetime]) -> bool:
    """Whether consumers must be rung for that timers were set to *times*: otherwise they see it early enough."""
    latest = clock.now() + _LOOK_EVERY
    return any(at <= latest for at in times)


def _answer(status: str | None) -> Cancelled:
    if status is None:
        return Cancelled.UNKNOWN
    return Cancelled.TOO_LATE if status == TimerStatus.FIRED else Cancelled.CANCELLED
