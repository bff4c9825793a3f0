"""A worker whose clock is wrong sends nothing early, ends nothing before its time, and mints no strange ids."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.support.cluster import Cluster, people
from tests.support.oracle import assert_survived
from tests.support.together import Together

from clarion import ids


@pytest.fixture
def lease() -> str:
    return "20s"  # nobody dies here, and no busy machine must make it seem so


async def test_only_the_databases_clock_counts(together: Together) -> None:
    """Mails that may take half an hour are neither expired nor sent too late by a clock that is an hour off."""
    await together.play(_half_an_hour, ["clock_off=3600", "clock_jumps=3600", "clock_jumps=-3600"])


async def _half_an_hour(cluster: Cluster, wrong: str) -> None:
    await cluster.trigger("mail-brief", people("brief", 25))
    await cluster.trigger("feed", people("guest", 25))
    late = await cluster.trigger("mail-brief", people("late", 3))
    await cluster.pool.execute("UPDATE trigger SET expires_at = now() - interval '1 s' WHERE id = $1", late)
    await cluster.worker(mutations=[wrong])
    findings = await assert_survived(cluster, ends=["sent", "delivered", "expired"])
    assert findings.statuses == {"sent": 25, "delivered": 25, "expired": 3}
    if wrong.startswith("clock_jumps"):
        return  # what is off is found out at the next start
    now = await cluster.pool.fetchval("SELECT clock_timestamp()")
    made = [ids.made_at(row["id"]) for row in await cluster.pool.fetch("SELECT id FROM message")]
    assert all(abs(at - now) < timedelta(minutes=2) for at in made)


async def test_a_timer_is_not_early_for_a_clock_that_is_fast(cluster: Cluster) -> None:
    await cluster.worker(mutations=["clock_jumps=3600"])
    await cluster.trigger("mail-retry", people("first", 1))
    await cluster.trigger("mail-retry", people("guest", 5), after=timedelta(seconds=1.5))
    await assert_survived(cluster)
    early = "SELECT count(*) FROM attempt a JOIN message m ON m.id = a.message_id JOIN trigger t ON t.id = m.trigger_id"
    assert await cluster.pool.fetchval(f"{early} WHERE a.intended_at < t.send_at") == 0
