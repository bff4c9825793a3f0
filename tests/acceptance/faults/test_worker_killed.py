"""A worker is killed at each step of a delivery: the others finish its work, and nothing is sent twice unsaid."""

from __future__ import annotations

import signal

import pytest
from tests.support.cluster import Cluster, Injection, people
from tests.support.oracle import assert_survived

#: Each step, and how often it is passed before.
POINTS = {
    "expand:before_commit": 2,
    "expand:after_commit": 2,
    "claimed": 2,
    "intent:before_commit": 2,
    "intent:after_commit": 2,
    "send:before": 2,
    "send:in_data": 7,
    "send:after_dot": 7,
    "send:after": 2,
    "record:before_commit": 2,
    "record:after_commit": 2,
    "in_app:before_commit": 2,
    "in_app:after_commit": 2,
}


@pytest.mark.parametrize("at", POINTS)
async def test_nothing_is_lost_or_sent_twice_unsaid(cluster: Cluster, at: str) -> None:
    """Both policies at once: under `retry` all is sent and doubts are labelled, under `hold` nothing comes twice."""
    for workflow in ("mail-retry", "mail-hold", "both"):
        await cluster.trigger(workflow, people(workflow, 15))
    doomed = await cluster.worker(Injection(at, nth=POINTS[at]))
    await doomed.until_struck()
    assert await doomed.ended() == -signal.SIGKILL
    await cluster.worker()
    await assert_survived(cluster)
