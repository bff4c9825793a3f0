"""A worker is killed at each step of a delivery: the others finish its work, and nothing is sent twice unsaid."""

from __future__ import annotations

import signal

import pytest
from tests.support.cluster import Cluster, people
from tests.support.oracle import assert_survived
from tests.support.process import Injection
from tests.support.together import Together


@pytest.fixture
def lease() -> str:
    return "1s"  # every scenario waits for one to run out


#: Each step, and which time it is passed.
BEFORE_AN_INTENT = {
    "expand:before_commit": 2,
    "expand:after_commit": 2,
    "claimed": 2,
    "intent:before_commit": 2,
    "in_app:before_commit": 2,
    "in_app:after_commit": 2,
}
AFTER_AN_INTENT = {
    "intent:after_commit": 2,
    "send:in_data": 7,
    "send:after_dot": 7,
    "send:after": 2,
    "record:before_commit": 2,
    "record:after_commit": 2,
}


async def test_before_an_intent_there_is_no_doubt(together: Together) -> None:
    """Only what another batch of that worker was sending at the time is labelled, or held."""
    await together.play(_before_an_intent, BEFORE_AN_INTENT)


async def test_after_an_intent_doubts_are_labelled_or_held(together: Together) -> None:
    """Under `retry` what was in hand is sent again and says so; under `hold` it waits for a person."""
    await together.play(_after_an_intent, AFTER_AN_INTENT)


async def _before_an_intent(cluster: Cluster, at: str) -> None:
    for workflow in ("mail-retry", "mail-hold", "both"):
        await cluster.trigger(workflow, people(workflow, 12))
    await _killed(cluster, at, BEFORE_AN_INTENT[at])
    await cluster.until("NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'clarion worker')")
    doubts = await cluster.pool.fetchval("SELECT count(*) FROM message WHERE status = 'sending'")
    await cluster.worker()
    findings = await assert_survived(cluster)
    assert findings.statuses["unknown"] + findings.labelled == doubts or "lost_lease" in cluster.log()


async def _after_an_intent(cluster: Cluster, at: str) -> None:
    nth = AFTER_AN_INTENT[at]
    await cluster.trigger("mail-hold", people("held", 12))
    await _killed(cluster, at, nth)
    await cluster.trigger("mail-retry", people("again", 12))  # before the others by its priority
    await _killed(cluster, at, nth)
    await cluster.worker()
    findings = await assert_survived(cluster)
    certain = at == "record:after_commit"  # nothing was in doubt any more, but for the other sender's batch
    assert certain or findings.statuses["unknown"] > 0
    assert certain or findings.labelled > 0


async def _killed(cluster: Cluster, at: str, nth: int) -> None:
    """Let a worker work until it comes to *at* for the *nth* time, and dies of it."""
    worker = await cluster.worker(Injection(at, nth=nth))
    await worker.until_struck()
    assert await worker.ended() == -signal.SIGKILL
