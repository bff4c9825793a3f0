"""Plans that stay right: made while there were no timers, used when there are 100,000."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID

import pytest
from tests.support.timers import FAR, PAST, Timers

from clarion.flows.timers import cancel_timers, set_timers
from clarion.store import retention, tenants, timer_lists
from clarion.store.database import Connection, open_pool
from clarion.store.timer_lists import Wanted
from clarion.store.timers import fire

_FILL = """
    INSERT INTO timer (id, tenant_id, key, fire_at, actions, metadata)
    SELECT gen_random_uuid(), $1, 'k-' || n, '2100-01-01'::timestamptz + n * interval '1 s', '[]',
           jsonb_build_object('order', n::text)
    FROM generate_series(1, 100000) AS n
"""

Statement = Callable[[Timers, Connection], Awaitable[object]]


def _names(timers: Timers) -> list[tuple[UUID, str]]:
    return [(timers.tenant, f"k-{n}") for n in range(50)]


async def _fire(timers: Timers, connection: Connection) -> None:
    rows = await connection.fetch("SELECT id, key FROM timer WHERE status = 'pending' LIMIT 50")
    await fire(connection, {(timers.tenant, row["key"]): row["id"] for row in rows})


#: Every statement that runs often, or while there are many.
STATEMENTS: dict[str, Statement] = {
    "set": lambda t, c: set_timers(c, [t.new(f"k-{n}", FAR) for n in range(50)]),
    "cancel": lambda t, c: cancel_timers(c, _names(t)),
    "fire": lambda t, c: _fire(t, c),
    "by_time": lambda t, c: timer_lists.list_by_time(c, t.tenant, Wanted(), None, 50),
    "by_key": lambda t, c: timer_lists.list_by_key(c, t.tenant, Wanted(key_prefix="k-5"), "", 50),
    "by_metadata": lambda t, c: timer_lists.list_by_time(c, t.tenant, Wanted(metadata={"order": "77"}), None, 50),
    "prune": lambda t, c: retention.prune_timers(c, FAR - PAST, 50),
}


@pytest.fixture
async def timers(database: str) -> AsyncIterator[Timers]:
    pool = await open_pool(database, size=1, statement_timeout_s=30, application_name="test")
    async with pool:
        async with pool.acquire() as connection:
            tenant = await tenants.ensure(connection, "one")
        yield Timers(pool=pool, tenant=tenant)


async def test_plans_made_while_empty_read_only_what_they_need(timers: Timers) -> None:
    dear: dict[str, str] = {}
    async with timers.pool.acquire() as connection:
        await connection.execute("ALTER TABLE timer SET (autovacuum_enabled = false)")
        await connection.execute("VACUUM ANALYZE timer")
        for run in STATEMENTS.values():
            async with connection.transaction():
                await run(timers, connection)
        await connection.execute("DELETE FROM timer; DELETE FROM job")
        await connection.execute(_FILL, timers.tenant)
        for name, run in STATEMENTS.items():
            before = await _read(connection)
            async with connection.transaction():
                await run(timers, connection)
            rows, entries = (after - then for after, then in zip(await _read(connection), before, strict=True))
            if rows or entries > 3_000:
                dear[name] = f"{rows} rows from end to end, {entries} index entries"
    assert not dear, dear


async def _read(connection: Connection) -> tuple[int, int]:
    """Rows read by sequential scans of the table, and entries read from its indexes, so far."""
    await connection.execute("SELECT pg_stat_force_next_flush()")
    await connection.execute("SELECT pg_stat_clear_snapshot()")
    row = await connection.fetchrow(
        "SELECT (SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'timer') AS rows,"
        " (SELECT sum(idx_tup_read)::bigint FROM pg_stat_user_indexes WHERE relname = 'timer') AS entries"
    )
    assert row is not None
    return row["rows"], row["entries"]
