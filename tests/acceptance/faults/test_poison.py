"""What kills every worker that touches it is put away with its reason, and takes nobody else along (PROMISES P14)."""

from __future__ import annotations

import signal

import pytest
from tests.support.cluster import Cluster, people
from tests.support.oracle import assert_survived, judge


@pytest.fixture
def lease() -> str:
    return "1s"  # every scenario waits for one to run out


async def test_a_message_whose_rendering_kills_is_quarantined(cluster: Cluster) -> None:
    """Three workers die of it; the others' mails, claimed and begun together with it, all go out."""
    guests = people("guest", 40)
    await cluster.trigger("mail-retry", guests)
    for _ in range(3):
        worker = await cluster.worker(mutations=["poison=guest00007"])
        assert await worker.ended() == -signal.SIGKILL
    await cluster.worker(mutations=["poison=guest00007"])
    findings = await judge(cluster, ends=["sent", "failed"])
    assert not findings.kinds(), f"{findings.table()}\n{cluster.log()}"
    rows = await cluster.pool.fetch("SELECT recipient_id, reason FROM message WHERE status = 'failed'")
    assert [(row["recipient_id"], row["reason"]) for row in rows] == [
        ("guest00007", "quarantined: 3 workers died while they held it")
    ]
    buried = await cluster.pool.fetch("SELECT queue, error, rescues FROM job_buried")
    assert [tuple(row) for row in buried] == [("email", rows[0]["reason"], 3)]


async def test_a_worker_killed_for_other_reasons_condemns_nobody(cluster: Cluster) -> None:
    """Four workers in a row are killed with the same mails in hand: still all of them go out."""
    await cluster.trigger("mail-retry", people("guest", 40))
    for _ in range(4):
        worker = await cluster.worker(worker_claim_size="200")
        await cluster.until("EXISTS (SELECT FROM job WHERE state = 1 AND queue = 'email')")
        worker.kill()
        await worker.ended()
    await cluster.worker()
    await assert_survived(cluster)
