"""Old records go in batches; the tally is folded without a sum changing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from tests.support.queue import QUEUE, Rig, explain

from clarion import sql
from clarion.queue import counts, retention
from clarion.queue.job import Connection

_SQL = sql.load(retention.__file__)

DAY = timedelta(days=1)

_FILL = {
    "job_done": "INSERT INTO job_done (id, tenant_id, queue, kind, priority, attempts, done_at)"
    " SELECT gen_random_uuid(), $1, $2, 'k', 2, 1, now() - n * interval '1 hour' FROM generate_series(1, $3::int) AS n",
    "job_buried": "INSERT INTO job_buried (id, tenant_id, queue, kind, priority, attempts, rescues, error, buried_at)"
    " SELECT gen_random_uuid(), $1, $2, 'k', 2, 1, 0, 'no', now() - n * interval '1 hour'"
    " FROM generate_series(1, $3::int) AS n",
    "job_tally": "INSERT INTO job_tally (queue, minute, slot, done, retried, buried)"
    " SELECT $2, date_trunc('minute', now()) - n * interval '1 hour', ($1::uuid IS NULL)::int, 1, 1, 1"
    " FROM generate_series(1, $3::int) AS n",
}
_PRUNE: dict[str, Callable[[Connection, timedelta, int], Awaitable[int]]] = {
    "job_done": retention.prune_done,
    "job_buried": retention.prune_buried,
    "job_tally": retention.prune_tally,
}


@pytest.mark.parametrize("table", _FILL)
async def test_what_is_old_goes_in_batches_whatever_its_queue(rig: Rig, table: str) -> None:
    prune = _PRUNE[table]
    async with rig.pool.acquire() as connection:
        for queue in ("a", "b", "c"):
            await connection.execute(_FILL[table], uuid4(), queue, 40)
        gone = [await prune(connection, DAY, 20) for _ in range(4)]
        assert gone == [20, 20, 11, 0]  # in each queue, the hours 24 to 40
        assert await rig.count(table) == 69
        assert await prune(connection, timedelta(0), 1000) == 69


@pytest.mark.parametrize("table", _FILL)
async def test_pruning_waits_for_nobody(rig: Rig, table: str) -> None:
    async with rig.pool.acquire() as holder, rig.pool.acquire() as connection:
        await connection.execute(_FILL[table], uuid4(), QUEUE, 5)
        async with holder.transaction():
            assert len(await holder.fetch(f"SELECT FROM {table} LIMIT 2 FOR UPDATE")) == 2
            assert await _PRUNE[table](connection, timedelta(0), 100) == 3
        assert await _PRUNE[table](connection, timedelta(0), 100) == 2


async def test_looking_for_what_is_old_costs_nothing_where_nothing_is(rig: Rig) -> None:
    async with rig.pool.acquire() as connection:
        for table in ("job_done", "job_buried"):
            await connection.execute(_FILL[table].replace("hour", "second"), uuid4(), QUEUE, 20_000)
        for statement in ("prune_done", "prune_buried"):
            plan = await explain(connection, _SQL[statement], 30 * DAY, 1000)
            assert plan.pages < 60, f"{statement}: {plan.pages} pages"


async def test_the_tally_is_folded_by_the_hour_without_a_sum_changing(rig: Rig) -> None:
    await rig.pool.execute(
        "INSERT INTO job_tally SELECT $1, date_trunc('minute', now()) - m * interval '1 minute', s, m + s, m, s"
        " FROM generate_series(0, 600) AS m, generate_series(0, 3) AS s",
        QUEUE,
    )
    sums = "SELECT sum(done), sum(retried), sum(buried) FROM job_tally"
    before = await rig.pool.fetchrow(sums)
    async with rig.pool.acquire() as connection:
        done = (await counts.counts(connection, QUEUE)).done
        while await retention.compact_tally(connection, limit=500):
            assert await rig.pool.fetchrow(sums) == before
        assert (await counts.counts(connection, QUEUE)).done == done
        # Two to three hours stay by the minute, the rest is a row each.
        rows = await rig.count("job_tally")
        assert 4 * 120 < rows < 4 * 181 + 10, rows
        recent = await connection.fetchval("SELECT min(minute) FROM job_tally WHERE slot = 3")
        assert recent <= await connection.fetchval("SELECT now() - interval '2 hours'")
        assert await retention.compact_tally(connection) == 0
