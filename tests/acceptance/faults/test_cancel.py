"""Cancels raced against sends: nothing is begun after a cancel has been answered (PROMISES P16)."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from uuid import UUID

import pytest
from tests.support.cluster import Cluster, people
from tests.support.oracle import assert_survived
from tests.support.process import Injection

from clarion.errors import Conflict
from clarion.flows.cancel import cancel


@pytest.fixture
def lease() -> str:
    return "1s"  # every scenario waits for one to run out


_LATE = """
    SELECT count(*) FROM message m LEFT JOIN attempt a ON a.message_id = m.id
    WHERE m.trigger_id = $1
      AND (a.intended_at > $2 OR m.channel = 'in_app' AND m.status = 'delivered' AND m.sent_at > $2)
"""
_NOTHING_IS_OPEN = "NOT EXISTS (SELECT FROM message WHERE trigger_id = $1 AND status IN ('queued', 'sending'))"
_SO_MANY_HAVE_ENDED = "(SELECT count(*) FROM message WHERE trigger_id = $1 AND ended_at IS NOT NULL) >= $2"
_NOW = "SELECT clock_timestamp()"


async def test_nothing_is_begun_after_a_cancel_was_answered(cluster: Cluster) -> None:
    await _races(cluster, gangs=1, each=12)


@pytest.mark.torture
async def test_ten_thousand_cancels_race_sends(cluster: Cluster) -> None:
    await _races(cluster, gangs=500, each=2)


async def _races(cluster: Cluster, *, gangs: int, each: int) -> None:
    """Gangs of twenty triggers at once, for *each* people, all of which are cancelled."""
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    await cluster.worker()
    await cluster.worker()
    for gang in range(gangs):
        # The first are cancelled before anything has ended, the last when most of theirs has, however fast the machine.
        await asyncio.gather(
            *(
                _race(cluster, people(f"race{gang}-{one}-", each), one * each * 2 // 24, chance.uniform(0, 0.05))
                for one in range(20)
            )
        )
    findings = await assert_survived(cluster, ends=["sent", "delivered", "cancelled"])
    assert findings.statuses["cancelled"] > 0, "no cancel was early enough to matter"
    assert findings.statuses["sent"] > 0, "no cancel was late enough to matter"


async def test_a_sweep_that_dies_is_done_again(cluster: Cluster) -> None:
    """Nobody waits for a next attempt to learn that it was cancelled, even when the sweeping worker is killed."""
    await cluster.sink("at=rcpt,do=reply,code=450")
    id = await cluster.trigger("mail-slow", people("guest", 25))
    doomed = await cluster.worker(Injection("sweep:after_commit"))
    await cluster.until("(SELECT count(*) FROM message WHERE attempts > 0 AND status = 'queued') = 25")
    await _cancel(cluster, id)
    await doomed.until_struck()
    await doomed.ended()
    await cluster.worker()
    await assert_survived(cluster, ends=["cancelled"])


async def _race(cluster: Cluster, who: Sequence[str], ended: int, after_s: float) -> None:
    """Cancel a trigger when so many of its messages have *ended*, and a moment later."""
    id = await cluster.trigger("both", who)
    if ended:
        await cluster.until(_SO_MANY_HAVE_ENDED, id, ended)
        await asyncio.sleep(after_s)
    try:
        await _cancel(cluster, id)
    except Conflict:
        return  # it had come to its end before
    answered = await cluster.pool.fetchval(_NOW)
    await cluster.until(_NOTHING_IS_OPEN, id)
    assert await cluster.pool.fetchval(_LATE, id, answered) == 0


async def _cancel(cluster: Cluster, id: UUID) -> None:
    async with cluster.pool.acquire() as connection:
        await cancel(connection, cluster.tenant_id, id, wake=lambda _: None)
