"""Schedules on a real database: each nominal time runs once, whoever works and whatever is changed meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from tests.support.clock import pass_time
from tests.support.schedules import DAY, MINUTE, TRIGGER, Board, open_board, shown

from clarion.domain.schedule import Schedule
from clarion.errors import Conflict, NotFound
from clarion.flows import schedules
from clarion.flows.system_schedules import Keeper
from clarion.flows.verify import verify
from clarion.store.schedules import SYSTEM


@pytest.fixture
async def board(database: str) -> AsyncIterator[Board]:
    async with open_board(database) as board:
        yield board


async def test_every_two_minutes_and_every_24_hours(board: Board) -> None:
    """Two days pass: each nominal time of both has run, once, in order, with its trigger."""
    await board.put("pending", "every 2m", most=1_000)
    await board.put("cleaning", "every 24h")
    assert await board.work() == 0
    for _ in range(2):
        await pass_time(board.pool, DAY)
        await board.work(count=3)
    for key, step, least in (("pending", 2 * MINUTE, 1_440), ("cleaning", DAY, 2)):
        times = [run["nominal_at"] for run in await board.runs(key)]
        assert len(times) in (least, least + 1)
        # The time that was moved to is the one that runs first, by as much as was moved.
        assert times == [times[0] + n * step for n in range(len(times))]
    runs = [*await board.runs("pending"), *await board.runs("cleaning")]
    assert {run["status"] for run in runs} == {"done"}
    assert len({run["result"]["triggers"][0] for run in runs}) == len(runs) == await board.triggers()
    assert "expand" in board.rung


async def test_many_workers_run_a_time_once(board: Board) -> None:
    for number in range(40):
        await board.put(f"report-{number}", "* * * * *", catch_up="one")
    await pass_time(board.pool, 10 * MINUTE)
    await board.work(count=5)
    assert await board.triggers() == await board.pool.fetchval("SELECT count(*) FROM schedule_run") == 40
    assert await board.pool.fetchval("SELECT min(passed_over) FROM schedule_run") >= 8
    jobs = await board.pool.fetch("SELECT run_at, attempts, state FROM job WHERE queue = 'schedules'")
    assert len(jobs) == 40
    rows = await board.pool.fetch("SELECT next_at FROM schedule")
    assert {job["run_at"] for job in jobs} == {row["next_at"] for row in rows}
    assert all(job["run_at"] > datetime.now(UTC) and job["attempts"] == job["state"] == 0 for job in jobs)


async def test_a_time_that_has_run_never_runs_again(board: Board) -> None:
    """Not even when somebody puts the clock of the schedule back, or makes it anew."""
    await board.put("report", "*/5 * * * *")
    await pass_time(board.pool, 30 * MINUTE)
    await board.work()
    before = len(await board.runs("report"))
    assert before >= 6
    await board.pool.execute("UPDATE schedule SET next_at = next_at - interval '30 min'")
    await board.pool.execute("UPDATE job SET run_at = now() WHERE queue = 'schedules'")
    await board.work(count=2)
    assert (len(await board.runs("report")), await board.triggers()) == (before, before)
    await board.change(schedules.delete, "report")
    await board.put("report", "*/5 * * * *")
    await board.pool.execute("UPDATE schedule SET next_at = next_at - interval '30 min'")
    await board.pool.execute("UPDATE job SET run_at = now() WHERE queue = 'schedules'")
    await board.work()
    assert await board.triggers() == before


async def test_what_cannot_be_done_is_told_and_the_next_time_comes(board: Board) -> None:
    wrong = {"trigger": {"workflow": "no-such", "recipients": ["'ana'"]}}
    await board.put("report", "* * * * *", catch_up="one", actions=[TRIGGER, wrong])
    await pass_time(board.pool, 2 * MINUTE)
    await board.work()
    (run,) = await board.runs("report")
    assert run["status"] == "failed"
    assert run["error"].startswith("action 2: ") and "no-such" in run["error"]
    assert run["result"] == {"triggers": [shown(await board.pool.fetchval("SELECT id FROM trigger"))]}
    assert (await board.row("report"))["next_at"] > run["nominal_at"]


async def test_jitter_puts_the_job_behind_the_nominal_time(board: Board) -> None:
    await board.put("report", "0 */6 * * *", jitter=timedelta(hours=2))
    row, job = await board.row("report"), await board.job("report")
    assert timedelta(0) < job["run_at"] - row["next_at"] < timedelta(hours=2)
    await pass_time(board.pool, timedelta(hours=6))
    await board.pool.execute("UPDATE job SET run_at = now() WHERE queue = 'schedules'")
    await board.work()  # it looks, and comes back when it is time
    job, row = await board.job("report"), await board.row("report")
    assert job["run_at"] > datetime.now(UTC)
    assert [run["due_at"] <= run["ran_at"] for run in await board.runs("report")] in ([], [True])


async def test_a_paused_one_rests_and_goes_on_with_what_is_to_come(board: Board) -> None:
    await board.put("report", "every 10m")
    await board.change(schedules.pause, "report")
    await board.change(schedules.pause, "report")
    assert await board.job("report") is None
    await pass_time(board.pool, 60 * MINUTE)
    assert await board.work() == 0
    await board.put("report", "every 20m")  # a change does not wake it
    assert await board.job("report") is None
    await board.change(schedules.resume, "report")
    await board.work()
    assert await board.runs("report") == []
    assert (await board.job("report"))["run_at"] == (await board.row("report"))["next_at"] > datetime.now(UTC)


async def test_run_now_is_no_part_of_the_sequence(board: Board) -> None:
    await board.put("report", "@yearly")
    before = await board.row("report")
    for _ in range(2):
        await board.change(schedules.run_now, "report")
    await board.change(schedules.pause, "report")
    await board.change(schedules.run_now, "report")
    await board.work(count=2)
    runs = await board.runs("report")
    assert [(run["manual"], run["status"]) for run in runs] == [(True, "done")] * 3
    assert await board.triggers() == 3
    assert (await board.row("report"))["next_at"] == before["next_at"]


async def test_run_now_of_what_was_deleted_meanwhile_says_so(board: Board) -> None:
    await board.put("report", "@yearly")
    await board.change(schedules.run_now, "report")
    await board.change(schedules.delete, "report")
    await board.work()
    (run,) = await board.runs("report")
    assert (run["status"], run["error"]) == ("failed", "the schedule was deleted before it ran")
    assert await board.pool.fetchval("SELECT count(*) FROM job") == 0


async def test_a_change_takes_hold_at_once_and_the_same_again_changes_nothing(board: Board) -> None:
    first = await board.put("report", "@yearly")
    assert (first.created, first.changed) == (True, True)
    again = await board.put("report", "@yearly")
    assert (again.created, again.changed) == (False, False)
    await pass_time(board.pool, MINUTE)
    moved = (await board.row("report"))["next_at"]
    other = await board.put("report", "@yearly", actions=[TRIGGER, TRIGGER])
    assert (other.changed, other.row["next_at"]) == (True, moved), "only what is done has changed"
    changed = await board.put("report", "every 1m")
    assert changed.row["next_at"] < datetime.now(UTC) + MINUTE
    assert (await board.job("report"))["run_at"] == changed.row["next_at"]
    assert await board.pool.fetchval("SELECT count(*) FROM job") == 1


async def test_those_of_files_are_changed_there(board: Board) -> None:
    async with board.pool.acquire() as connection, connection.transaction():
        given = [Schedule(key=key, cron="@daily", actions=[TRIGGER]) for key in ("a", "b")]
        done, gone = await schedules.replace(connection, board.tenant, given)
        assert ([one.key for one in done], gone) == (["a", "b"], [])
    with pytest.raises(Conflict) as caught:
        await board.change(schedules.delete, "a")
    assert caught.value.code == "schedule_of_a_file"
    with pytest.raises(Conflict):
        await board.put("a", "@hourly")
    await board.put("mine", "@hourly")
    async with board.pool.acquire() as connection, connection.transaction():
        done, gone = await schedules.replace(connection, board.tenant, given[1:])
    assert ([one.changed for one in done], gone) == ([False], ["a"])
    assert [row["key"] for row in await board.pool.fetch("SELECT key FROM job ORDER BY key")] == ["b", "mine"]


async def test_the_systems_own_are_made_once_and_run_like_others(board: Board) -> None:
    keeper = Keeper(board.pool)
    assert [await keeper.run_once(), await keeper.run_once()] == [2, 0]
    await pass_time(board.pool, 10 * MINUTE)
    await board.work(count=2)
    for key in ("system.retention", "system.metrics"):
        (run, *more) = await board.runs(key)
        assert (run["status"], more) == ("done", []), run["error"]
        assert run["result"]
    await board.change(schedules.run_now, "system.retention")
    await board.work()
    assert [run["status"] for run in await board.runs("system.retention")] == ["done", "done"]
    with pytest.raises(Conflict):
        await board.change(schedules.delete, "system.retention", tenant=SYSTEM)
    with pytest.raises(NotFound):
        await board.change(schedules.pause, "system.nothing")
    await board.change(schedules.pause, "system.metrics")
    assert await keeper.run_once() == 0
    assert await board.job("system.metrics") is None


async def test_one_without_a_job_gets_it_back(board: Board) -> None:
    keeper = Keeper(board.pool)
    await keeper.run_once()
    await board.put("report", "@hourly")
    await board.pool.execute("DELETE FROM job WHERE key = 'report'")
    async with board.pool.acquire() as connection:
        assert [one.rule for one in await verify(connection)] == ["schedule_has_job"]
    assert await keeper.run_once() == 1
    assert (await board.job("report"))["run_at"] == (await board.row("report"))["next_at"]
    async with board.pool.acquire() as connection:
        assert await verify(connection) == []


async def test_one_that_kills_workers_is_paused_with_its_reason(board: Board) -> None:
    await board.put("report", "* * * * *")
    await board.pool.execute("UPDATE job SET rescues = 3, run_at = now()")
    await board.work()
    row = await board.row("report")
    assert row["paused_at"] is not None and row["paused_reason"].startswith("quarantined")
    await board.change(schedules.resume, "report")
    assert await board.job("report") is not None
