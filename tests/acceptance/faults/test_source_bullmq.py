"""Jobs of a Node application that wait for their mails: a worker is killed half-way, another one follows them on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support import memory
from tests.support.bullmq import Queue
from tests.support.cluster import Cluster
from tests.support.node import peer
from tests.support.oracle import assert_survived
from tests.support.redis import redis_server

from clarion.domain.binding import Binding
from clarion.domain.source import BullSource
from clarion.flows.verify import verify
from clarion.store import bindings

SOURCE = BullSource(queue="mailer-queue", jobs=["email-producer"], concurrency=40)
MAILS = {
    "trigger": {
        "workflow": "mail-retry",
        "recipients": [{"id": "data.id", "name": "data.id", "email": "data.to"}],
        "payload": {"words": "data.params.words"},
    }
}


@pytest.fixture
async def queue() -> AsyncIterator[Queue]:
    with memory.folder("clarion-tests-") as folder:
        server = redis_server(Path(folder) / "redis")
        await server.start()
        try:
            async with peer(server.port, server.folder) as node, Queue("mailer-queue", server.url, node) as queue:
                yield queue
        finally:
            await server.stop()


def jobs(count: int, name: str = "email-producer") -> list[dict[str, object]]:
    return [
        {"name": name, "data": {"id": f"guest{n}", "to": f"guest{n}@guests.example", "params": {"words": "hello"}}}
        for n in range(count)
    ]


async def bind(cluster: Cluster) -> None:
    binding = Binding(key="mails", on=SOURCE, do=[MAILS])
    async with cluster.pool.acquire() as connection, connection.transaction():
        wanted = {binding.key: (binding.content_hash, binding.to_json())}
        await bindings.publish(connection, cluster.tenant_id, wanted)


async def test_a_worker_is_killed_half_way(cluster: Cluster, queue: Queue) -> None:
    await bind(cluster)
    ids = await queue.node("addBulk", [*jobs(200), *jobs(1, "something-else")])
    doomed = await cluster.worker(worker_sources="true", redis_url=queue.url)
    await cluster.until("(SELECT count(*) FROM message WHERE status = 'sent') > 60")
    doomed.kill()
    await doomed.ended()
    await cluster.worker(worker_sources="true", redis_url=queue.url)
    await queue.until_counts(60, completed=200, failed=1)
    assert "something-else" in (await queue.node("job", ids[-1]))["failedReason"]
    await assert_survived(cluster, ends=["sent"])
    assert await cluster.pool.fetchval("SELECT count(*) FROM trigger") == 200
    async with cluster.pool.acquire() as connection:
        assert await verify(connection) == []


async def test_a_job_fails_with_its_mail(cluster: Cluster, queue: Queue) -> None:
    await cluster.sink("at=rcpt,do=reply,code=550,to=guest1@guests.example")
    await bind(cluster)
    ids = await queue.node("addBulk", jobs(3))
    bad = await queue.node("add", "email-producer", {"to": "no id"}, {})
    await cluster.worker(worker_sources="true", redis_url=queue.url)
    await queue.until_counts(60, completed=2, failed=2)
    reason = (await queue.node("job", ids[1]))["failedReason"]
    assert reason.startswith("1 of 1 messages failed: ")
    assert "550" in reason
    assert (await queue.node("job", ids[0]))["progress"] in (0, 99, 100)
    assert "id" in (await queue.node("job", bad))["failedReason"]
    assert await cluster.pool.fetchval("SELECT count(*) FROM quarantine") == 1
