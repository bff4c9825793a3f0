"""Retention: what is old goes, what is not or is still open stays, and nobody waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.support.api import Api, open_api
from tests.support.clock import pass_time
from tests.support.schedules import DAY, Board, open_board

from clarion import ids
from clarion.flows import schedules
from clarion.flows.retention import What, preview, prune, tidy
from clarion.flows.system_schedules import Keeper, Partitions
from clarion.store import partitions

AGES = {
    What.COMPLETED_JOBS: DAY,
    What.FAILED_JOBS: 7 * DAY,
    What.MESSAGES: 90 * DAY,
    What.FEED: 90 * DAY,
    What.ATTACHMENTS: 7 * DAY,
    What.TIMERS: 7 * DAY,
    What.SCHEDULE_RUNS: 30 * DAY,
}


@pytest.fixture
async def board(database: str) -> AsyncIterator[Board]:
    async with open_board(database) as board:
        yield board


@pytest.fixture
async def api(database: str) -> AsyncIterator[Api]:
    async with open_api(database) as api:
        yield api


async def _jobs(pool: Any, tenant: Any, table: str, at: str, ages: list[float], **more: str) -> None:
    """Finished jobs, so many hours old."""
    columns = {"attempts": "1", "priority": "2", "queue": "'email'", "kind": "'x'", **more}
    for hours in ages:
        await pool.execute(
            f"INSERT INTO {table} (id, tenant_id, {at}, {', '.join(columns)})"
            f" VALUES ($1, $2, now() - $3::interval, {', '.join(columns.values())})",
            *(ids.new(), tenant, timedelta(hours=hours)),
        )


async def test_each_kind_by_its_age(board: Board) -> None:
    pool = board.pool
    await board.put("report", "@daily", most=100)
    await pass_time(pool, 40 * DAY)
    await board.work()
    await _jobs(pool, board.tenant, "job_done", "done_at", [0, 23, 25, 1_000])
    await _jobs(pool, board.tenant, "job_buried", "buried_at", [0, 167, 169], error="'no'", rescues="0")
    old = ids.first_at(datetime.now(UTC) - 31 * DAY)
    await pool.execute(
        "UPDATE schedule_run SET id = $1 WHERE id = (SELECT id FROM schedule_run ORDER BY nominal_at LIMIT 1)", old
    )
    for number, (status, age) in enumerate([("fired", 8), ("cancelled", 6), ("pending", 900)]):
        await pool.execute(
            "INSERT INTO timer (id, tenant_id, key, status, fire_at, actions, updated_at, fired_at, cancelled_at)"
            " SELECT $1, $2, $3, $4, at, '[]', at, CASE WHEN $4 = 'fired' THEN at END,"
            " CASE WHEN $4 = 'cancelled' THEN at END FROM (SELECT now() - $5::interval AS at) AS t",
            *(ids.new(), board.tenant, str(number), status, age * DAY),
        )
    async with pool.acquire() as connection:
        would = await preview(connection, AGES)
        done = await prune(connection, AGES)
        again = await prune(connection, AGES)
    assert would.removed == done.removed
    assert {what.value: one.rows for what, one in done.removed.items()} == {
        "completed_jobs": 2,
        "failed_jobs": 1,
        "feed": 0,
        "attachments": 0,
        "messages": 0,
        "schedule_runs": 1,
        "timers": 1,
    }
    assert not done.more and not any(one.rows for one in again.removed.values())
    assert await pool.fetchval("SELECT count(*) FROM job_done") == 2
    assert await pool.fetchval("SELECT count(*) FROM job_buried") == 2


async def _week(connection: Any, weeks_ago: int) -> tuple[datetime, str]:
    """A week of long ago with its partitions: a moment in it, and its name."""
    moment = await connection.fetchval("SELECT clock_timestamp()") - weeks_ago * partitions.WEEK
    await partitions.ensure(connection, moment)
    return moment, f"{moment:%G_w%V}".lower()


async def _names(connection: Any, week: str) -> set[str]:
    rows = await connection.fetch("SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE '%' || $1", week)
    return {row["relname"] for row in rows}


async def test_messages_go_as_whole_weeks_while_others_read_and_write(board: Board) -> None:
    """A transaction that reads all messages is neither cut off nor waited for by writers; the week goes after it."""
    async with board.pool.acquire() as connection, board.pool.acquire() as other:
        _, week = await _week(connection, 20)
        assert len(await _names(connection, week)) == 5
        async with other.transaction():
            await other.fetch("SELECT count(*) FROM message")
            await connection.execute("SET statement_timeout = '300ms'")
            held = await prune(connection, AGES, only=[What.MESSAGES])
            assert held.more, "somebody still reads it"
            await connection.execute("SET statement_timeout = '10s'")
            # Half detached: what comes now is not held up, in any week there is.
            await asyncio.wait_for(board.pool.execute("SELECT FROM message LIMIT 1"), 5)
        done = await prune(connection, AGES, only=[What.MESSAGES])
        assert not done.more and done.removed[What.MESSAGES].weeks >= 1
        assert await _names(connection, week) == set()


async def test_a_drop_that_was_killed_half_way_is_finished(board: Board) -> None:
    async with board.pool.acquire() as connection:
        _, week = await _week(connection, 20)
        await connection.execute(f"ALTER TABLE run DETACH PARTITION run_{week}; DROP TABLE run_{week}")
        await connection.execute(f"ALTER TABLE message DETACH PARTITION message_{week}; DROP TABLE message_{week}")
        await prune(connection, AGES, only=[What.MESSAGES])
        assert await _names(connection, week) == set()


async def test_the_counts_are_folded_and_room_is_made(board: Board) -> None:
    await board.pool.execute(
        "INSERT INTO job_tally (queue, minute, slot, done) SELECT 'email', now() - n * interval '1 min', 1, 1"
        " FROM generate_series(200, 400) n"
    )
    async with board.pool.acquire() as connection:
        assert await tidy(connection) > 190
    assert await board.pool.fetchval("SELECT sum(done) FROM job_tally WHERE queue = 'email'") == 201
    ahead = Partitions(board.pool)
    assert await ahead.run_once() == 0
    async with board.pool.acquire() as connection:
        newest = f"{datetime.now(UTC) + partitions.AHEAD:%G_w%V}".lower()
        await connection.execute(f"ALTER TABLE message DETACH PARTITION message_{newest}; DROP TABLE message_{newest}")
    assert await ahead.run_once() == 1


async def test_by_schedule(board: Board) -> None:
    """Of the nominal times of a day of rest one runs, and its record says what went."""
    await Keeper(board.pool).run_once()
    await _jobs(board.pool, board.tenant, "job_done", "done_at", [25, 26])
    await pass_time(board.pool, DAY)
    await board.work(count=2, ages=AGES)
    (run,) = await board.runs("system.retention")
    assert run["result"]["completed_jobs"] == {"rows": 2, "weeks": 0}
    assert run["passed_over"] in range(286, 289)  # as the jitter has it
    await board.change(schedules.run_now, "system.retention")
    await board.work(ages=AGES)
    assert {run["status"] for run in await board.runs("system.retention")} == {"done"}


async def test_on_demand_over_http(api: Api) -> None:
    for tenant in ("one", "two"):
        await _jobs(api.pool, api.tenants[tenant], "job_buried", "buried_at", [1, 30], error="'no'", rescues="0")
    ask = {"what": ["failed_jobs"], "older_than_s": 3 * 3_600, "dry_run": True}
    would = await api.call("POST", "/v1/retention/run", ask)
    assert would.json == {"dry_run": True, "more": False, "removed": {"failed_jobs": {"rows": 2, "weeks": 0}}}
    done = await api.call("POST", "/v1/retention/run", {**ask, "dry_run": False})
    assert done.json == {**would.json, "dry_run": False}
    assert await api.pool.fetchval("SELECT count(*) FROM job_buried") == 2
    whole = await api.call("POST", "/v1/retention/run", {})
    assert set(whole.json["removed"]) == {what.value for what in What}
    refused: list[dict[str, Any]] = [
        {"older_than_s": 1},
        {"what": []},
        {"what": ["inbound"]},
        {"what": ["feed"], "older_than_s": -1},
    ]
    for wrong in refused:
        assert (await api.call("POST", "/v1/retention/run", wrong)).status == 422
