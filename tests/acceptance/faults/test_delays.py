"""Delays on real processes: nothing is early, and who dies around the end of one loses and doubles nothing."""

from __future__ import annotations

import asyncio
import re
import signal
from datetime import timedelta

import pytest
from tests.support.cluster import Cluster, people
from tests.support.command import clarion
from tests.support.oracle import assert_survived
from tests.support.process import Injection
from tests.support.together import Together

from clarion import ids

#: Each step, and which time it is passed.
AROUND_THE_END = {"advance:before_commit": 1, "advance:after_commit": 1}


@pytest.fixture
def lease() -> str:
    return "1s"  # every scenario waits for one to run out


async def test_nothing_is_early_and_all_of_it_comes(cluster: Cluster) -> None:
    await cluster.worker()
    id = await cluster.trigger("later", people("guest", 30))
    await cluster.until("30 = (SELECT count(*) FROM run WHERE trigger_id = $1)", id)
    findings = await assert_survived(cluster)
    assert dict(findings.statuses) == {"sent": 30, "delivered": 30}
    begun = await cluster.pool.fetch(
        "SELECT m.run_id, a.intended_at FROM message m JOIN attempt a ON a.message_id = m.id WHERE m.trigger_id = $1",
        id,
    )
    for row in begun:  # an id is made just after the time was read from which the delay counts
        assert row["intended_at"] - ids.made_at(row["run_id"]) > timedelta(seconds=0.99)


async def test_a_worker_that_dies_around_the_end_of_a_delay(together: Together) -> None:
    await together.play(_killed_around_the_end, AROUND_THE_END)


async def test_api_and_worker_killed_while_runs_wait(cluster: Cluster) -> None:
    """They wait in the database, not in anybody's memory."""
    api = await cluster.api()
    worker = await cluster.worker()
    status, _ = await cluster.post_trigger("later", people("guest", 12))
    assert status == 202
    await cluster.until("12 = (SELECT count(*) FROM run WHERE status = 'running')")
    for process in (api, worker):
        process.kill()
        assert await process.ended() == -signal.SIGKILL
    await cluster.worker()
    findings = await assert_survived(cluster)
    assert findings.statuses["sent"] == 12


async def test_who_waits_is_listed_and_hurried(cluster: Cluster) -> None:
    await cluster.api()
    await cluster.worker()
    where = ("--url", f"http://127.0.0.1:{cluster.port}", "--api-key", cluster.key)
    _, shown = await cluster.post_trigger("much-later", people("guest", 2))
    await cluster.until("2 = (SELECT count(*) FROM run WHERE status = 'running')")
    listed = (await clarion("runs", "--trigger", shown, "--json", *where)).lines
    assert {(one["recipient"], one["step"]) for one in listed} == {(who, "delay") for who in people("guest", 2)}
    assert re.search(r"waiting +2", (await clarion("triggers", shown, *where)).out)
    for one in listed:
        hurried = await clarion("runs", one["id"], "--hurry", "--json", *where)
        assert hurried.json["trigger"] == shown
    findings = await assert_survived(cluster)
    assert dict(findings.statuses) == {"delivered": 2}
    told = await clarion("runs", *where)
    assert "No run waits." in told.out + told.err


async def test_a_cancel_raced_against_the_end_of_the_delay(cluster: Cluster) -> None:
    """Whichever comes first, all of it agrees: no message of a run that was cancelled, and none that has no run."""
    api, _ = await cluster.api(), await cluster.worker()
    made = []
    for n in range(8):
        status, shown = await cluster.post_trigger("later", people(f"guest{n}-", 3))
        assert status == 202
        made.append(shown)
    await cluster.until("24 = (SELECT count(*) FROM run)")
    await cluster.until("EXISTS (SELECT FROM run WHERE status = 'completed')")
    replies = await asyncio.gather(*(cluster.post(f"/v1/triggers/{shown}/cancel", {}) for shown in made))
    assert {reply.status for reply in replies} <= {202, 409}
    await assert_survived(cluster, ends=["sent", "delivered", "cancelled"])
    wrong = await cluster.pool.fetchval(
        "SELECT count(*) FROM run r WHERE (r.status = 'cancelled') = EXISTS"
        " (SELECT FROM message m WHERE m.run_id = r.id AND m.channel = 'email')"
    )
    assert wrong == 0
    await api.stop()


async def _killed_around_the_end(cluster: Cluster, at: str) -> None:
    id = await cluster.trigger("later", people("guest", 12))
    doomed = await cluster.worker(Injection(at, nth=AROUND_THE_END[at]))
    await doomed.until_struck()
    assert await doomed.ended() == -signal.SIGKILL
    await cluster.worker()
    findings = await assert_survived(cluster)
    assert findings.statuses["delivered"] == 12
    once = "SELECT count(*), count(DISTINCT recipient_id) FROM message WHERE trigger_id = $1 AND channel = 'email'"
    assert [tuple(row) for row in await cluster.pool.fetch(once, id)] == [(12, 12)]
