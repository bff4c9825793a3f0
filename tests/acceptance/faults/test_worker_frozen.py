"""A worker is frozen past its lease at each step and then goes on: it must see that others have its work by now."""

from __future__ import annotations

import pytest
from tests.support.cluster import Cluster, people
from tests.support.oracle import assert_survived, at_rest
from tests.support.process import Injection, Process
from tests.support.together import Together


@pytest.fixture
def lease() -> str:
    return "1s"  # every scenario waits for one to run out


#: Outside of transactions: the others finish everything before it goes on.
BETWEEN = {
    "claimed": 2,
    "intent:before_commit": 2,
    "intent:after_commit": 2,
    "send:before": 2,
    "send:in_data": 7,
    "send:after": 2,
    "record:before_commit": 2,
}
#: In the middle of a transaction it holds locks, so that others can only wait.
INSIDE = {"expand:before_commit": 2, "in_app:before_commit": 2}

_LEASES_ARE_OVER = "NOT EXISTS (SELECT FROM job WHERE worker = $1 AND lease_until > clock_timestamp())"


async def test_it_wakes_up_when_others_have_done_its_work(together: Together) -> None:
    await together.play(_between, BETWEEN)


async def test_it_wakes_up_in_a_transaction_after_its_lease(together: Together) -> None:
    await together.play(_inside, INSIDE)


async def _between(cluster: Cluster, at: str) -> None:
    frozen = await _frozen(cluster, at, BETWEEN[at])
    healthy = await cluster.worker()
    assert await at_rest(cluster), cluster.log()
    frozen.resume()
    assert await frozen.stop() == 0
    assert await healthy.stop() == 0
    await assert_survived(cluster)


async def _inside(cluster: Cluster, at: str) -> None:
    frozen = await _frozen(cluster, at, INSIDE[at])
    await cluster.worker()
    await cluster.until(_LEASES_ARE_OVER, frozen.facts["worker"])
    frozen.resume()
    await assert_survived(cluster)


async def _frozen(cluster: Cluster, at: str, nth: int) -> Process:
    for workflow in ("mail-retry", "mail-hold", "both"):
        await cluster.trigger(workflow, people(workflow, 12))
    # Frozen while it asks for a statement for the first time, only the time limit of that statement frees its locks.
    worker = await cluster.worker(Injection(at, do="freeze", nth=nth), database_job_statement_timeout="3s")
    await worker.until_struck()
    await worker.until_frozen()
    return worker
