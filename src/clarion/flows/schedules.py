"""Putting, pausing and running schedules: the row and its job in one transaction."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from clarion import ids
from clarion.domain.schedule import Schedule, wake_at
from clarion.errors import Conflict, NotFound
from clarion.queue import add
from clarion.queue.job import NewJob
from clarion.store import schedule_runs, schedules
from clarion.store.database import Connection
from clarion.store.schedules import Row

log = structlog.get_logger()

QUEUE = "schedules"
#: The job of a schedule, by its key: what is due at its nominal times.
RUN = "run"
#: A run that somebody asked for; its arguments name it.
RUN_NOW = "run_now"


@dataclass(frozen=True, slots=True)
class Put:
    """What became of one schedule."""

    key: str
    row: Row
    created: bool
    changed: bool


async def put(connection: Connection, tenant_id: UUID, given: Iterable[Schedule], *, origin: str) -> list[Put]:
    """Store *given* in the caller's transaction. The same as before changes nothing; a new cadence begins now.

    Other changes keep the next time. A paused schedule stays paused. Raises `Conflict` (``schedule_of_a_file``) for one
    that the project folder has, unless that is where these come from.
    """
    by_key = {schedule.key: schedule for schedule in given}
    held = await schedules.hold(connection, [(tenant_id, key) for key in by_key])
    now = await schedules.now(connection)
    done = []
    for key, schedule in sorted(by_key.items()):
        before = held.get((tenant_id, key))
        if before is not None and origin == "api":
            _check_not_of_a_file(before)
        hash = _hash(schedule)
        if before is not None and (before["hash"], before["origin"]) == (hash, origin):
            done.append(Put(key, before, created=False, changed=False))
            continue
        same = before is not None and _times(before) == (schedule.cron, schedule.timezone)
        next_at = before["next_at"] if before is not None and same else schedule.cadence.after(now)
        row = await schedules.put(connection, tenant_id, schedule, origin=origin, hash=hash, next_at=next_at)
        if row["paused_at"] is None:
            await set_job(connection, row)
        done.append(Put(key, row, created=row["created"], changed=True))
        log.info("schedule.put", schedule=key, next_at=next_at and next_at.isoformat())
    return done


async def replace(connection: Connection, tenant_id: UUID, given: Iterable[Schedule]) -> tuple[list[Put], list[str]]:
    """Make *given* all the schedules of a tenant that come from files; what was done, and the keys of what went."""
    given = list(given)
    gone = sorted(set(await schedules.of_origin(connection, tenant_id, "file")) - {one.key for one in given})
    for key in gone:
        await _remove(connection, tenant_id, key)
    return await put(connection, tenant_id, given, origin="file"), gone


async def delete(connection: Connection, tenant_id: UUID, key: str) -> None:
    """Forget a schedule, in the caller's transaction. Raises `NotFound`; `Conflict` for a file's or the system's."""
    _check_not_of_a_file(await _hold(connection, tenant_id, key))
    await _remove(connection, tenant_id, key)


async def pause(connection: Connection, tenant_id: UUID, key: str) -> None:
    """Let it rest, in the caller's transaction: nothing of it runs until it is resumed. Raises `NotFound`."""
    row = await _hold(connection, tenant_id, key)
    await schedules.pause(connection, row["tenant_id"], key)
    await add.cancel_by_key(connection, row["tenant_id"], QUEUE, key)
    log.info("schedule.paused", schedule=key)


async def resume(connection: Connection, tenant_id: UUID, key: str) -> None:
    """Let it go on, in the caller's transaction, with the first time that is still to come. Raises `NotFound`.

    What fell due while it was paused does not run: that was the wish.
    """
    row = await _hold(connection, tenant_id, key)
    if row["paused_at"] is None:
        return
    next_at = schedules.of_row(row).cadence.after(await schedules.now(connection))
    await schedules.resume(connection, row["tenant_id"], key, next_at)
    await set_job(connection, {**row, "next_at": next_at})
    log.info("schedule.resumed", schedule=key)


async def run_now(connection: Connection, tenant_id: UUID, key: str) -> schedule_runs.Row:
    """Have it run once, besides its nominal times and also when it is paused; the run. Raises `NotFound`."""
    row = await _hold(connection, tenant_id, key)
    run = await schedule_runs.add_manual(connection, row["tenant_id"], key)
    await add.add(
        connection,
        NewJob(id=ids.new(), queue=QUEUE, kind=RUN_NOW, tenant_id=row["tenant_id"], args={"run": run["id"].hex}),
    )
    return run


async def set_job(connection: Connection, row: Row) -> None:
    """Make the job of a schedule fall due at its next time; the caller holds its row."""
    next_at: datetime | None = row["next_at"]
    if next_at is None:
        await add.cancel_by_key(connection, row["tenant_id"], QUEUE, row["key"])
        return
    # Not before now: claims have passed what is long due, and would come back to it only after a while.
    due = max(wake_at(schedules.of_row(row), next_at), await schedules.now(connection))
    await add.set_by_key(
        connection, NewJob(queue=QUEUE, kind=RUN, tenant_id=row["tenant_id"], key=row["key"], run_at=due)
    )


async def _remove(connection: Connection, tenant_id: UUID, key: str) -> None:
    await schedules.hold(connection, [(tenant_id, key)])
    await schedules.delete(connection, tenant_id, key)
    await add.cancel_by_key(connection, tenant_id, QUEUE, key)
    log.info("schedule.deleted", schedule=key)


async def _hold(connection: Connection, tenant_id: UUID, key: str) -> Row:
    held = await schedules.hold(connection, [(tenant_id, key), (schedules.SYSTEM, key)])
    if not held:
        raise NotFound(f"There is no schedule {key!r}.")
    return next(iter(held.values()))


def _check_not_of_a_file(row: Row) -> None:
    if row["origin"] == "file":
        raise Conflict(
            f"The schedule {row['key']!r} is written in the project folder: change schedules/{row['key']}.yaml.",
            code="schedule_of_a_file",
        )
    if row["origin"] == "system":
        raise Conflict(f"The schedule {row['key']!r} is the system's own: pause it.", code="schedule_of_the_system")


def _times(row: Row) -> tuple[str, str]:
    return row["cron"], row["timezone"]


def _hash(schedule: Schedule) -> str:
    said = [
        *(
            schedule.key,
            schedule.cron,
            schedule.timezone,
            schedule.catch_up,
            schedule.most,
            schedule.jitter.total_seconds(),
        ),
        schedule.actions,
    ]
    return hashlib.sha256(json.dumps(said, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
