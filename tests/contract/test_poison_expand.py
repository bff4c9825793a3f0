"""An expansion that kills every worker is put away, tells why, and can be taken up again (PROMISES P14)."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.cluster import Cluster, open_cluster, people
from tests.support.command import clarion
from tests.support.oracle import assert_survived

from clarion import ids
from clarion.flows.verify import verify


@pytest.fixture
async def cluster(database: str, tmp_path: Path) -> AsyncIterator[Cluster]:
    """Workflows on a fresh database, with a sink; leases are short, for the test waits for three to run out."""
    async with open_cluster(database, tmp_path, worker_lease="1s") as cluster:
        await cluster.sink()
        yield cluster


async def test_an_expansion_that_kills_is_quarantined_and_redriven(cluster: Cluster) -> None:
    """Its second page kills three workers: the first page's mails and another trigger's go out all the same."""
    guests = people("guest", 25)
    await cluster.topic("guests", guests)
    poisoned = await cluster.trigger("mail-retry", guests, topic="guests")
    await cluster.trigger("mail-hold", people("other", 5))
    for _ in range(3):
        worker = await cluster.worker(mutations=["poison_page=guest00013"])
        assert await worker.ended() == -signal.SIGKILL
    worker = await cluster.worker(mutations=["poison_page=guest00013"])
    await cluster.until("EXISTS (SELECT FROM job_buried)")
    await cluster.until("NOT EXISTS (SELECT FROM job WHERE tenant_id <> '00000000-0000-0000-0000-000000000000')")
    reason = "quarantined: 3 workers died while they held it"
    rows = await cluster.pool.fetch("SELECT id, kind, error, rescues FROM job_buried")
    assert [tuple(row) for row in rows] == [(poisoned, "expand", reason, 3)]
    assert await cluster.pool.fetchval("SELECT status FROM trigger WHERE id = $1", poisoned) == "expanding"
    # What a worker had in hand as it died may have come twice (and says so), or is held where the workflow wants that.
    came = {mail["recipient"].partition("@")[0] for mail in cluster.receipts()}
    held = await cluster.pool.fetch("SELECT recipient_id FROM message WHERE status = 'unknown'")
    assert came | {row["recipient_id"] for row in held} == {*guests[:10], *people("other", 5)}
    async with cluster.pool.acquire() as connection:
        assert await verify(connection) == []
    told = await clarion("doctor", "--json", settings=cluster.environment)
    (stands,) = [line for line in told.lines if line["what"] == "triggers"]
    assert (stands["level"], "1 stands still" in stands["says"]) == ("warn", True)
    assert reason in stands["says"]

    await worker.stop()
    await cluster.api()
    where = ("--url", f"http://127.0.0.1:{cluster.port}", "--api-key", cluster.key)
    shown = await clarion("triggers", ids.show(ids.Prefix.TRIGGER, poisoned), *where)
    assert f"{reason}; `clarion queues email --redrive`" in shown.out
    redriven = await clarion("queues", "email", "--redrive", "--json", *where)
    assert redriven.json["ready"] == 1
    await cluster.worker()
    await assert_survived(cluster)
