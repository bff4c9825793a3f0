"""The database goes away, says no, or is cut off in the middle of a commit: nothing is lost, nothing is sent unsaid."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from tests.support.cluster import Cluster, people
from tests.support.database_proxy import Cut, DatabaseProxy, How
from tests.support.oracle import assert_survived
from tests.support.outage import FULL_DISK, OURS, kill_a_backend, stop_at_once, until_it_answers
from tests.support.timers import Timers
from tests.support.together import Together
from tests.support.wait import wait_until

from clarion.dev.postgres import EmbeddedPostgres


@pytest.mark.parametrize("how", ["stopped at once", "a backend killed"])
async def test_it_is_gone_for_a_while_under_load(shaky: Cluster, server: EmbeddedPostgres, how: str) -> None:
    """Neither API nor worker need to be started again; who was answered with a 202 is served."""
    worker, api = await shaky.worker(), await shaky.api()
    async with asyncio.TaskGroup() as clients:
        for number in range(20):
            clients.create_task(_ask(shaky, number))
        await wait_until(lambda: len(shaky.receipts()) > 10, 30, "it is under load")
        await _break(shaky, server, how)
    assert worker.alive and api.alive, shaky.log()
    findings = await assert_survived(shaky)
    assert findings.messages == 20 * 5 * 2


async def test_timers_fall_due_while_it_is_gone(shaky: Cluster, server: EmbeddedPostgres) -> None:
    """They fire when it is back: each once, and none before its time."""
    timers = Timers(pool=shaky.pool, tenant=shaky.tenant_id)
    worker = await shaky.worker(worker_queues="timers")
    now = await shaky.pool.fetchval("SELECT clock_timestamp()")
    fired = await timers.set(*(timers.new(f"o-{n}", now + timedelta(milliseconds=500 + 5 * n)) for n in range(400)))
    await shaky.until("(SELECT count(*) FROM timer WHERE status = 'fired') > 20")
    await _break(shaky, server, "stopped at once")
    await shaky.until("(SELECT count(*) FROM timer WHERE status = 'fired') = 400")
    assert worker.alive, shaky.log()
    assert await shaky.pool.fetchval("SELECT min(fired_at - fire_at) FROM timer") >= timedelta(0)
    await timers.assert_told_once(fired)


async def test_a_connection_is_cut_at_a_commit(together: Together) -> None:
    """At each kind of commit: nobody can know whether it went through, so an intent that was cut is not sent on."""
    await together.play(_cut_at_a_commit, How)


async def _cut_at_a_commit(cluster: Cluster, how: How) -> None:
    small, expansion, intent, record, feed = (
        Cut("expand_few_1", how),
        Cut("UPDATE trigger t", how),
        Cut("FROM intend_3", how, nth=2),
        Cut("UPDATE attempt a", how, nth=2),
        Cut("INSERT INTO feed_item", how),
    )
    async with DatabaseProxy(upstream=cluster.url, cuts=[small, expansion, intent, record, feed]) as proxy:
        for workflow in ("mail-retry", "mail-hold", "both"):
            await cluster.trigger(workflow, people(workflow, 12))
        worker = await cluster.worker(database_url=proxy.url)
        findings = await assert_survived(cluster)
        assert all(cut.done for cut in proxy.cuts), proxy.cuts
        assert await worker.stop() == 0
    doubted = findings.labelled + findings.statuses["unknown"]
    assert doubted > 0 or how is not How.DONE, "an intent whose commit was not confirmed is a doubt"


async def test_connections_are_cut_at_random(cluster: Cluster) -> None:
    await cluster.topic("guests", people("guest", 150))
    await cluster.trigger("both", people("guest", 150), topic="guests")
    worker = await cluster.worker()
    cut = 0
    while cut < 25 and len(cluster.receipts()) < 120:
        one = f"SELECT pg_terminate_backend(pid) FROM (SELECT pid {OURS} ORDER BY random() LIMIT 1) AS one"
        cut += bool(await cluster.pool.fetchval(one))
        await asyncio.sleep(0.03)
    assert cut > 5
    await assert_survived(cluster)
    assert worker.alive


async def test_it_only_reads_for_a_while(cluster: Cluster) -> None:
    """As after a fail-over to a standby that is not promoted yet."""
    name = await cluster.pool.fetchval("SELECT current_database()")
    await cluster.topic("guests", people("guest", 150))
    await cluster.trigger("both", people("guest", 150), topic="guests")
    await cluster.worker()
    await wait_until(lambda: len(cluster.receipts()) > 10, 30, "it is under load")
    await cluster.pool.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    await cluster.pool.execute(f"SELECT pg_terminate_backend(pid) {OURS}")
    await wait_until(lambda: "read-only transaction" in cluster.log(), 30, "the worker notices")
    async with cluster.pool.acquire() as connection:
        await connection.execute("SET default_transaction_read_only = off")
        await connection.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
        await connection.execute(f"SELECT pg_terminate_backend(pid) {OURS}")
    await assert_survived(cluster)


async def test_its_disk_is_full_for_a_while(cluster: Cluster) -> None:
    await cluster.pool.execute(FULL_DISK)
    await cluster.api()
    await cluster.topic("guests", people("guest", 300))
    await cluster.trigger("both", people("guest", 300), topic="guests")
    await cluster.worker()
    await wait_until(lambda: len(cluster.receipts()) > 10, 30, "it is under load")
    await cluster.pool.execute("INSERT INTO full_disk VALUES (now())")
    await wait_until(lambda: "No space left" in cluster.log(), 30, "the worker notices")
    status, _ = await cluster.post_trigger("mail-retry", ["late"])
    assert status == 503
    await cluster.pool.execute("DELETE FROM full_disk")
    await assert_survived(cluster)


async def _break(cluster: Cluster, server: EmbeddedPostgres, how: str) -> None:
    if how == "stopped at once":
        await stop_at_once(server)
        await server.start()
    else:
        assert await kill_a_backend(cluster)
    await until_it_answers(cluster)


async def _ask(cluster: Cluster, number: int) -> None:
    """Five triggers, each asked for under its key until it is accepted."""
    for turn in range(5):
        status = 0
        while status != 202:
            try:
                status, _ = await cluster.post_trigger(
                    "both", [f"client{number}-{turn}"], idempotency_key=f"{number} {turn}"
                )
            except OSError:
                status = 0
            assert status in (0, 202, 409, 503), f"{status}\n{cluster.log()}"
            await asyncio.sleep(0.02)
