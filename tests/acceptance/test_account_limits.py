"""Two accounts with a rate each: both keep to their own, and what one has no place for, the other takes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from tests.support.house import POLL
from tests.support.two_accounts import A, B, two_accounts

from clarion.app import open_worker
from clarion.config import load_settings
from clarion.domain.breaker import Limits
from clarion.flows.accounts import Accounts
from clarion.flows.rates import channel_pace, provider_pace
from clarion.queue import limits

SECOND = timedelta(seconds=1)
COUNT = 120


async def test_each_keeps_to_its_own_and_together_they_are_faster(database: str, tmp_path: Path) -> None:
    async with two_accounts(database, tmp_path, run=False) as two:
        pool = two.house.api.pool
        async with pool.acquire() as connection:
            await limits.define(connection, channel_pace("sms"), 30)
            await limits.define(connection, provider_pace(A), 20)
            await limits.define(connection, provider_pace(B), 10)
        given = {"project": two.project, "worker.poll_interval": POLL, "smtp_url": "smtp://127.0.0.1:1"}
        settings, stopping = load_settings(given, two.settings), asyncio.Event()
        async with open_worker(settings, database) as one, open_worker(settings, database) as other:
            running = [asyncio.create_task(worker.run(stopping, timedelta(seconds=5))) for worker in (one, other)]
            try:
                assert await two.send(COUNT) == {"sent": COUNT}
            finally:
                stopping.set()
                await asyncio.gather(*running)
        rows = await pool.fetch("SELECT provider, intended_at FROM attempt ORDER BY intended_at")
        times = {label: [row["intended_at"] for row in rows if row["provider"] == label] for label in (A, B)}
        assert most_within(times[A]) <= 25
        assert most_within(times[B]) <= 14
        assert len(times[A]) > len(times[B]) > COUNT / 6, "both carry their share"
        assert len(rows) == COUNT, "one attempt each: a wait costs none"
        assert rows[-1]["intended_at"] - rows[0]["intended_at"] < timedelta(seconds=COUNT / 30 * 1.6)
        await two.house.check()


async def test_what_an_account_keeps_for_the_urgent_is_theirs(database: str, tmp_path: Path) -> None:
    async with two_accounts(database, tmp_path, run=False) as two, two.house.api.pool.acquire() as connection:
        await limits.define(connection, provider_pace(A), 10, reserve=0.5)
        accounts = Accounts([A, B], limits=Limits(), places=1)
        await accounts.look(connection)
        assert await accounts.within_limit(connection, A, 100) == 1
        assert accounts.fitness()[A].reason is not None
        assert await accounts.within_limit(connection, A, 100) == 0, "the rest has no place for more"
        assert await accounts.within_limit(connection, A, 100, urgent=True) >= 1, "and what is kept has one"
        assert await accounts.within_limit(connection, B, 100, urgent=True) == 100


def most_within(times: Sequence[datetime]) -> int:
    """The most of *times* that lie in any second."""
    return max(sum(at <= later < at + SECOND for later in times) for at in times)
