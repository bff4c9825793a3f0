"""Who works is on a list: from the start, while they live, and no longer than that."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tests.support.cluster import Cluster, open_cluster, people
from tests.support.command import clarion

from clarion.queue import workers
from clarion.store.database import open_pool
from clarion.worker.presence import Presence

_SEEN = "(SELECT count(*) FROM worker) = $1"


@pytest.fixture
async def cluster(database: str, tmp_path: Path) -> AsyncIterator[Cluster]:
    """Workflows on a fresh database; workers are started by the test."""
    async with open_cluster(database, tmp_path) as cluster:
        yield cluster


@pytest.fixture
async def pool(database: str) -> AsyncIterator[asyncpg.Pool[Any]]:
    """Connections as a worker has them."""
    pool = await open_pool(database, size=2, statement_timeout_s=30, application_name="tests")
    yield pool
    await pool.close()


async def _examine(cluster: Cluster) -> Any:
    """What `clarion doctor` says of the workers."""
    done = await clarion("doctor", "--json", settings=cluster.environment)
    assert done.code == 0, done.out
    return next(line for line in done.lines if line["what"] == "workers")


async def test_a_process_is_on_the_list_until_it_stops(cluster: Cluster) -> None:
    all_queues = await cluster.worker()
    some = await cluster.worker(worker_queues="email,expand")
    await cluster.until(_SEEN, 2)
    async with cluster.pool.acquire() as connection:
        listed = {worker.id: worker for worker in await workers.living(connection)}
    assert listed.keys() == {all_queues.facts["worker"], some.facts["worker"]}
    one = listed[some.facts["worker"]]
    assert (one.pid, list(one.queues)) == (some.pid, ["email", "expand"])
    assert one.host and one.id.startswith(one.host)
    told = await _examine(cluster)
    assert (told["level"], told["says"].startswith("2 at work (")) == ("ok", True)
    assert f"{one.id}: email, expand" in told["says"]
    await some.stop()
    assert [row["id"] for row in await cluster.pool.fetch("SELECT id FROM worker")] == [all_queues.facts["worker"]]
    all_queues.kill()
    await all_queues.ended()
    await cluster.pool.execute("UPDATE worker SET seen_at = seen_at - $1::interval", workers.SILENT_AFTER)
    assert (await _examine(cluster))["says"] == "none at work, and nothing waits for one"


async def test_jobs_that_nobody_takes_are_told(cluster: Cluster) -> None:
    """Not a moment after they became due, not on a queue that is paused, and not while somebody is there for them."""
    await cluster.trigger("mail-retry", people("guest", 1))
    assert (await _examine(cluster))["level"] == "ok"
    await cluster.pool.execute("UPDATE job SET run_at = run_at - interval '90 s'")
    told = await _examine(cluster)
    assert told["level"] == "warn"
    waited = re.fullmatch(r"none at work; jobs wait that nobody takes: expand \((\d+) s\)", told["says"])
    assert waited is not None and int(waited[1]) >= 90
    assert "clarion worker" in told["how"]
    await cluster.pool.execute("INSERT INTO queue (name, paused_at) VALUES ('expand', now())")
    assert (await _examine(cluster))["level"] == "ok"
    await cluster.pool.execute("DELETE FROM queue")
    await cluster.worker(worker_queues="in_app")
    await cluster.until(_SEEN, 1)
    assert (await _examine(cluster))["says"].startswith("1 at work; jobs wait that nobody takes: expand (")


async def test_a_sign_of_life_renews_the_row_and_keeps_its_beginning(pool: asyncpg.Pool[Any]) -> None:
    presence = Presence(pool, "here-1", host="here", pid=1, queues=["email"])
    await presence.run_once()
    async with pool.acquire() as connection:
        (first,) = await workers.living(connection)
        await presence.run_once()
        (second,) = await workers.living(connection)
        assert second.started_at == first.started_at
        assert second.seen_at > first.seen_at
        await presence.leave()
        await presence.leave()
        assert await workers.living(connection) == []


async def test_who_is_silent_is_not_counted_and_in_the_end_forgotten(pool: asyncpg.Pool[Any]) -> None:
    for name in ("old", "new"):
        await Presence(pool, name, host="here", pid=1, queues=["email"]).run_once()
    async with pool.acquire() as connection:
        await connection.execute("UPDATE worker SET seen_at = now() - interval '50 min' WHERE id = 'old'")
        assert [worker.id for worker in await workers.living(connection)] == ["new"]
        assert await workers.prune(connection, timedelta(hours=1)) == 0
        assert await workers.prune(connection, timedelta(minutes=45)) == 1
        assert await connection.fetchval("SELECT array_agg(id) FROM worker") == ["new"]


async def test_who_cannot_say_goodbye_ends_all_the_same(pool: asyncpg.Pool[Any]) -> None:
    presence = Presence(pool, "here-1", host="here", pid=1, queues=["email"])
    await presence.run_once()
    pool.terminate()
    await presence.leave()
