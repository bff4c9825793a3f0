"""Plans that stay right: made while the queue was empty, used when it holds 100,000 jobs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

from tests.support.queue import LEASE, LONG_AGO, QUEUE, Rig

from clarion.queue import add, buried, rescue, settle
from clarion.queue.job import Connection, Job, PutOff

Statement = Callable[[Rig, Connection, list[Job]], Awaitable[object]]

#: Every hot statement, on some jobs that were claimed on the same connection.
STATEMENTS: dict[str, Statement] = {
    "claim": lambda rig, c, jobs: rig.claimer().claim(c, 50),
    "settle": lambda rig, c, jobs: settle.settle(c, jobs),
    "settle_keyed": lambda rig, c, jobs: settle.settle(c, jobs, keep=True),
    "put_off": lambda rig, c, jobs: settle.put_off(c, [PutOff(job=job, after=timedelta(0)) for job in jobs]),
    "bury": lambda rig, c, jobs: settle.bury(c, dict.fromkeys(jobs, "no")),
    "extend": lambda rig, c, jobs: settle.extend(c, jobs, LEASE),
    "taken": lambda rig, c, jobs: settle.taken(c, jobs),
    "rescue": lambda rig, c, jobs: rescue.rescue(c, 50),
    "set_by_key": lambda rig, c, jobs: add.set_by_key(c, rig.job(key="one", run_at=LONG_AGO)),
    "cancel_by_key": lambda rig, c, jobs: add.cancel_by_key(c, rig.tenant, QUEUE, "one"),
    "redrive": lambda rig, c, jobs: buried.redrive(c, QUEUE, [job.id for job in jobs]),
}


async def test_plans_made_while_empty_read_only_what_they_need(rig: Rig) -> None:
    dear: dict[str, str] = {}
    async with rig.pool.acquire() as connection:
        # Statistics may change nothing below: the plans must be the ones that are made here.
        await connection.execute("ALTER TABLE job SET (autovacuum_enabled = false)")
        await connection.execute("TRUNCATE job")
        await connection.execute("VACUUM ANALYZE job")
        await rig.claimer().claim(connection, 50)
        for run in STATEMENTS.values():
            await run(rig, connection, [_nobodys_job(rig)])
        await rig.fill(100_000)
        for name, run in STATEMENTS.items():
            jobs = await rig.claimer().claim(connection, 50)
            before = await _read(connection)
            await run(rig, connection, jobs)
            rows, entries = (after - then for after, then in zip(await _read(connection), before, strict=True))
            # Some looks for each of 50 jobs, for a claim one for each of 256 places; what is dead by now is read too.
            if rows or entries > 3000:
                dear[name] = f"{rows} rows from end to end, {entries} index entries"
        await connection.execute("ALTER TABLE job RESET (autovacuum_enabled)")
    assert not dear, dear


def _nobodys_job(rig: Rig) -> Job:
    new = rig.job()
    return Job(new.id, new.tenant_id, QUEUE, "letter", 2, 7, LONG_AGO, 1, 0, 1, 0, None, None, None)


async def _read(connection: Connection) -> tuple[int, int]:
    """Rows read by sequential scans of the job table, and entries read from its indexes, so far."""
    await connection.execute("SELECT pg_stat_force_next_flush()")
    await connection.execute("SELECT pg_stat_clear_snapshot()")
    row = await connection.fetchrow(
        "SELECT (SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'job') AS rows,"
        " (SELECT sum(idx_tup_read)::bigint FROM pg_stat_user_indexes WHERE relname = 'job') AS entries"
    )
    assert row is not None
    return row["rows"], row["entries"]
