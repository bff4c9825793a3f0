"""Workers and a real broker: whoever is killed, each message becomes one trigger; and what people see of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import nats
import pytest
from tests.support.cluster import Cluster, open_cluster
from tests.support.command import clarion
from tests.support.nats import Nats, nats_server
from tests.support.nursery import Nursery
from tests.support.oracle import assert_survived
from tests.support.outage import stop_at_once
from tests.support.wait import wait_until

from clarion.dev.postgres import EmbeddedPostgres
from clarion.domain.binding import Binding
from clarion.domain.source import NatsSource
from clarion.flows.verify import verify
from clarion.store import bindings

SOURCE = NatsSource(stream="orders", subjects=["orders.>"], durable="clarion", ack_wait=2.0)
GREETS = {
    "trigger": {
        "workflow": "feed",
        "recipients": [{"id": "data.to", "name": "data.to"}],
        "payload": {"words": "'welcome'"},
    }
}


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Nats]:
    server = nats_server(tmp_path / "clarion-tests-nats")
    server.folder.mkdir()
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def bind(cluster: Cluster) -> None:
    binding = Binding(key="greets", on=SOURCE, do=[GREETS])
    async with cluster.pool.acquire() as connection, connection.transaction():
        wanted = {binding.key: (binding.content_hash, binding.to_json())}
        await bindings.publish(connection, cluster.tenant_id, wanted)


async def send(broker: Nats, first: int, count: int, *, raw: bytes | None = None) -> None:
    client = await nats.connect(broker.url)
    try:
        stream = client.jetstream()
        for number in range(first, first + count):
            body = raw or json.dumps({"to": f"guest{number:04}"}).encode()
            await stream.publish("orders.created", body)
    finally:
        await client.close()


async def connected(cluster: Cluster) -> None:
    await cluster.until("EXISTS (SELECT FROM source_worker WHERE state = 'connected')")


async def taken(cluster: Cluster, count: int) -> None:
    await cluster.until("(SELECT count(*) FROM inbound) >= $1", count)


async def test_workers_are_killed_and_the_broker_too(cluster: Cluster, broker: Nats) -> None:
    await bind(cluster)
    doomed = await cluster.worker(worker_sources="true", nats_url=broker.url)
    await connected(cluster)
    await send(broker, 0, 300)
    await wait_until(lambda: cluster.pool.fetchval("SELECT count(*) > 20 FROM inbound"), 20, "some are taken in")
    doomed.kill()
    await doomed.ended()
    await cluster.worker(worker_sources="true", nats_url=broker.url)
    second = await cluster.worker(worker_sources="true", nats_url=broker.url)
    await broker.kill()
    await broker.start()
    await send(broker, 300, 200)
    await taken(cluster, 500)
    await second.stop()
    await assert_survived(cluster, ends=["delivered"])
    people = await cluster.pool.fetch("SELECT recipient_ids[1] AS id, count(*) AS n FROM trigger GROUP BY 1")
    assert {row["id"]: row["n"] for row in people} == {f"guest{number:04}": 1 for number in range(500)}
    async with cluster.pool.acquire() as connection:
        assert await verify(connection) == []


async def test_what_people_see_of_it(cluster: Cluster, broker: Nats) -> None:
    """`clarion sources`, `tail` and `quarantine`: what came, what became of it, and another chance."""
    await bind(cluster)
    await cluster.worker(worker_sources="true", nats_url=broker.url)
    await connected(cluster)
    await cluster.api()
    await send(broker, 1, 1)
    await send(broker, 0, 1, raw=b'{"to": ')
    await taken(cluster, 2)
    where = ("--url", f"http://127.0.0.1:{cluster.port}", "--api-key", cluster.key)

    tail = await clarion("tail", "--count", "2", "--json", *where)
    by_state = {line["state"]: line for line in tail.lines}
    assert by_state["accepted"]["workflows"] == ["feed"]
    assert by_state["accepted"]["source"] == SOURCE.name
    assert by_state["quarantined"]["reason"].startswith("invalid_json: ")
    for_people = (await clarion("tail", "--count", "2", "--source", SOURCE.name, *where)).out
    assert "feed trg_" in for_people
    assert "quarantined  invalid_json: " in for_people

    async def shown() -> dict[str, int]:
        (one,) = (await clarion("sources", "--json", *where)).lines
        return {name: one[name] for name in ("accepted", "quarantined")} if one["state"] == "connected" else {}

    async def is_counted() -> bool:
        return await shown() == {"accepted": 1, "quarantined": 1}

    await wait_until(is_counted, 20, "both are counted")
    assert SOURCE.name in (await clarion("sources", *where)).out

    (one,) = (await clarion("quarantine", "list", "--json", *where)).lines
    assert (await clarion("quarantine", "show", one["id"], "--body", *where)).out == '{"to": '
    assert "invalid_json: " in (await clarion("quarantine", "show", one["id"], *where)).out
    redriven = await clarion("quarantine", "redrive", one["id"], "--json", *where)
    assert (redriven.code, redriven.json) == (1, {"redriven": 0, "still": 1})
    mended = b'{"to": "ana"}'
    await cluster.pool.execute("UPDATE quarantine SET body = $1, size = $2", mended, len(mended))
    redriven = await clarion("quarantine", "redrive", "--all", "--source", SOURCE.name, "--json", *where)
    assert (redriven.code, redriven.json) == (0, {"redriven": 1, "still": 0})
    assert (await clarion("quarantine", "list", *where)).err == "Nothing lies in quarantine.\n"
    await cluster.until("(SELECT count(*) FROM feed_item WHERE recipient_id = 'ana') = 1")


async def test_the_database_is_stopped_while_messages_come(
    server: EmbeddedPostgres, nursery: Nursery, broker: Nats, tmp_path: Path
) -> None:
    """The worker is not started again; the source stays open, and nothing was acknowledged that is not there."""
    async with open_cluster(server.url(), tmp_path, nursery=nursery) as cluster:
        await cluster.sink()
        await bind(cluster)
        worker = await cluster.worker(worker_sources="true", nats_url=broker.url)
        await connected(cluster)
        await send(broker, 0, 100)
        await wait_until(lambda: cluster.pool.fetchval("SELECT count(*) > 10 FROM inbound"), 20, "some are taken in")
        await stop_at_once(server)
        await send(broker, 100, 100)
        await server.start()
        await wait_until(lambda: _count(cluster), 60, "all are taken in")
        assert worker.alive, cluster.log()
        await assert_survived(cluster, ends=["delivered"])
        assert await cluster.pool.fetchval("SELECT count(*) FROM trigger") == 200


async def _count(cluster: Cluster) -> bool:
    """Whether all 200 are taken in; False while the database is away."""
    try:
        return bool(await cluster.pool.fetchval("SELECT count(*) >= 200 FROM inbound"))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False
