"""Breakers on a real database: shared by all workers, changed by one at a time, and read often but written seldom."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from clarion.domain.breaker import Limits, State, Tally
from clarion.domain.outcome import Outcome, Retry, Sent, Uncertain
from clarion.flows import accounts
from clarion.flows.accounts import Accounts
from clarion.queue import breakers
from clarion.store.database import Pool, open_pool

A, B = "twilio:a", "twilio:b"
LIMITS = Limits(calls=10, open_for=timedelta(milliseconds=100), probe_for=timedelta(milliseconds=200))
SENT, BAD = Sent("SM1"), Retry("HTTP 503")


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    pool = await open_pool(database, size=12, statement_timeout_s=30, application_name="tests")
    yield pool
    await pool.close()


@pytest.fixture
async def workers() -> list[Accounts]:
    return [Accounts([A, B], limits=LIMITS, places=2) for _ in range(2)]


async def end(pool: Pool, worker: Accounts, *outcomes: Outcome, label: str = A) -> None:
    """A list of *worker* has these *outcomes*."""
    async with worker.place(label, len(outcomes)) as place:
        assert place is not None
        if worker.has_news(label, place, outcomes):
            async with pool.acquire() as connection:
                await worker.tell(connection, label)


async def usable(pool: Pool, worker: Accounts) -> set[str]:
    async with pool.acquire() as connection:
        worker.ask_again()
        return {label for label, fit in (await worker.look(connection)).items() if fit.reason is None}


async def test_what_one_worker_finds_out_all_know(pool: Pool, workers: list[Accounts]) -> None:
    one, two = workers
    await end(pool, one, *[BAD] * 6)
    await end(pool, two, *[BAD] * 3, SENT)
    assert await usable(pool, one) == await usable(pool, two) == {B}, "each saw too few, both together enough"
    async with pool.acquire() as connection:
        seen = (await breakers.states(connection, [A]))[A]
    assert (seen.breaker.state, seen.breaker.reason) == (State.OPEN, "9 of 10 calls failed: HTTP 503")


async def test_of_many_that_want_to_probe_one_may(pool: Pool) -> None:
    async with pool.acquire() as connection:
        moved = await breakers.count(connection, A, Tally(calls=10, failures=10), LIMITS)
        assert moved.after.state is State.OPEN
        assert await breakers.claim(connection, A, LIMITS) is None, "it is too early"
        await connection.execute("UPDATE breaker SET until = clock_timestamp()")

    async def claim() -> int | None:
        async with pool.acquire() as connection:
            moved = await breakers.claim(connection, A, LIMITS)
            return moved.after.probe if moved is not None else None

    assert sorted(filter(None, await asyncio.gather(*(claim() for _ in range(12))))) == [1]
    # Whoever had it died: its claim runs out, and again one may.
    await pool.execute("UPDATE breaker SET until = clock_timestamp()")
    assert sorted(filter(None, await asyncio.gather(*(claim() for _ in range(12))))) == [2]
    async with pool.acquire() as connection:
        late = await breakers.probed(connection, A, 1, None, LIMITS)
        assert late.after.state is State.HALF_OPEN, "the first one comes too late"
        well = await breakers.probed(connection, A, 2, None, LIMITS)
        assert well.after.state is State.CLOSED


async def test_what_failed_long_ago_or_before_it_was_resumed_is_not_held_against_it(
    pool: Pool, workers: list[Accounts], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that had no chance to tell, because nothing was sent any more, must not tell of it an hour later."""
    one, two = workers
    monkeypatch.setattr(accounts, "_TOLD_EVERY_S", 3600.0)  # the second list of each is kept to itself
    await end(pool, one, *[BAD] * 3)
    await end(pool, one, *[BAD] * 30)
    async with pool.acquire() as connection:
        await breakers.reset(connection, A)
    monkeypatch.setattr(accounts, "_TOLD_EVERY_S", 0.0)
    assert await usable(pool, one) == {A, B}, "somebody has mended it and resumed it"
    monkeypatch.setattr(accounts, "_TOLD_EVERY_S", 3600.0)
    await end(pool, two, *[BAD] * 3)
    await end(pool, two, *[BAD] * 30)
    two._accounts[A].tally_at -= LIMITS.window.total_seconds() + 1
    monkeypatch.setattr(accounts, "_TOLD_EVERY_S", 0.0)
    assert await usable(pool, two) == {A, B}, "that was in another window"
    await end(pool, two, *[BAD] * 10)
    assert await usable(pool, two) == {B}, "and this is now"


async def test_while_all_is_well_nothing_is_written(pool: Pool, workers: list[Accounts]) -> None:
    for _ in range(20):
        await end(pool, workers[0], *[SENT] * 50)
        assert await usable(pool, workers[0]) == {A, B}
    assert await pool.fetchval("SELECT count(*) FROM breaker") == 0


async def test_what_says_nothing_against_the_account_is_not_counted(pool: Pool, workers: list[Accounts]) -> None:
    busy = Retry("HTTP 429", after=timedelta(seconds=5), pause_provider=True, blameless=True)
    await end(pool, workers[0], *[busy] * 50)
    assert await pool.fetchval("SELECT count(*) FROM breaker") == 0
    await end(pool, workers[0], *[Uncertain("reset")] * 50)
    assert await usable(pool, workers[0]) == {B}


async def test_an_account_that_does_not_answer_fills_its_own_places_alone(pool: Pool, workers: list[Accounts]) -> None:
    (worker, _) = workers
    async with worker.place(A, 5), worker.place(A, 5), worker.place(A, 5) as third:
        assert third is None
        assert worker.is_stuck(A)
        assert not worker.is_stuck(B)
        async with worker.place(B, 5) as place, worker.place(A, 1, reserved=True) as probe:
            assert place is not None
            assert probe is not None
    assert not worker.is_stuck(A)


async def test_lists_that_take_too_long_are_counted_while_they_still_do(pool: Pool) -> None:
    limits = Limits(calls=10, slow=timedelta(0))
    worker = Accounts([A, B], limits=limits, places=2)
    async with worker.place(A, 10):
        assert await usable(pool, worker) == {B}
        row = await pool.fetchrow("SELECT calls, slow, reason FROM breaker")
        assert row is not None
        assert (row["calls"], row["slow"]) == (10, 10)
        assert await usable(pool, worker) == {B}, "and once only"
        assert await pool.fetchval("SELECT calls FROM breaker") == 10
