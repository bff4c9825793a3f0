"""Letting time pass without waiting for it.

The database's clock is the only one that says what is due, and a test cannot set it. But whether an hour has passed, or
all that is waited for lies an hour nearer and all that was done an hour farther back, comes to the same: `pass_time`
moves the rows.
"""

from __future__ import annotations

from datetime import timedelta

from asyncpg import DeadlockDetectedError

from clarion.store.database import Connection, Pool

#: Farther than anything in a test lies apart.
_AWAY = timedelta(days=100_000)
_PAST = """
    UPDATE schedule_run SET nominal_at = nominal_at - $1::interval, due_at = due_at - $1::interval,
                            ran_at = ran_at - $1::interval
"""
#: Table → its times that move. Runs that wait have no time of their own but that of their job.
_MOVED = {
    "job": ("run_at",),
    "job_done": ("done_at",),
    "job_buried": ("buried_at",),
    "timer": ("fire_at", "fired_at", "cancelled_at", "created_at", "updated_at"),
    "schedule": ("next_at", "last_at"),
}


async def pass_time_for_jobs(pool: Pool, by: timedelta) -> None:
    """Let *by*, of any length, pass for all but schedules: retries, timers, delays."""
    while True:
        try:
            async with pool.acquire() as connection, connection.transaction():
                # In the order in which workers lock them.
                return await _move(connection, by, "timer", "job", "job_done", "job_buried")
        except DeadlockDetectedError:  # a worker held one of many rows and wanted another: it has it now
            continue


async def pass_time(pool: Pool, by: timedelta) -> None:
    """Let *by* pass for everything that waits in the database: jobs, timers, and schedules with what they did.

    Triggers and messages keep their times, so that no deadline is passed. A schedule then finds the nominal times of
    the last *by* undecided, as after a rest of that length, and goes on by its policy. *by* must be a whole multiple of
    its interval, for nominal times lie on the real clock.
    """
    while True:
        try:
            return await _pass_time(pool, by)
        except DeadlockDetectedError:  # a worker held a row and wanted another table: it has it now
            continue


async def _pass_time(pool: Pool, by: timedelta) -> None:
    async with pool.acquire() as connection, connection.transaction():
        # Workers may be at it: in the middle of a run there is no time to pass.
        await connection.execute("LOCK TABLE schedule, schedule_run, timer, job IN EXCLUSIVE MODE")
        await _move(connection, by, *_MOVED)
        # Far away first: half-way one would meet the unique time of another.
        await connection.execute(_PAST, by + _AWAY)
        await connection.execute(_PAST, -_AWAY)


async def _move(connection: Connection, by: timedelta, *tables: str) -> None:
    for table in tables:
        moves = ", ".join(f"{time} = {time} - $1::interval" for time in _MOVED[table])
        await connection.execute(f"UPDATE {table} SET {moves}", by)
