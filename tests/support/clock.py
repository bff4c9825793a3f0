"""Letting time pass without waiting for it.

The database's clock is the only one that says what is due, and a test cannot set it. But whether an hour has passed, or
all that is waited for lies an hour nearer and all that was done an hour farther back, comes to the same: `pass_time`
moves the rows.
"""

from __future__ import annotations

from datetime import timedelta

from clarion.store.database import Pool

#: Farther than anything in a test lies apart.
_AWAY = timedelta(days=100_000)
_PAST = """
    UPDATE schedule_run SET nominal_at = nominal_at - $1::interval, due_at = due_at - $1::interval,
                            ran_at = ran_at - $1::interval
"""


_JOBS = "UPDATE job SET run_at = run_at - $1::interval::interval"


async def pass_time_for_jobs(pool: Pool, by: timedelta) -> None:
    """Let *by*, of any length, pass for jobs alone: retries, timers, delays."""
    await pool.execute(_JOBS, by)


async def pass_time(pool: Pool, by: timedelta) -> None:
    """Let *by* pass for everything that waits in the database: jobs, and schedules with what they did.

    A schedule then finds the nominal times of the last *by* undecided, as after a rest of that length, and goes on by
    its policy. *by* must be a whole multiple of its interval, for nominal times lie on the real clock.
    """
    async with pool.acquire() as connection, connection.transaction():
        # Workers may be at it: in the middle of a run there is no time to pass.
        await connection.execute("LOCK TABLE schedule, schedule_run, job IN EXCLUSIVE MODE")
        await connection.execute(_JOBS, by)
        await connection.execute("UPDATE schedule SET next_at = next_at - $1::interval::interval", by)
        # Far away first: half-way one would meet the unique time of another.
        await connection.execute(_PAST, by + _AWAY)
        await connection.execute(_PAST, -_AWAY)
