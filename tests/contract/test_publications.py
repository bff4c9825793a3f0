"""Messages for brokers are written with what caused them, or not at all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
from tests.support.queue import Rig

from clarion import clock
from clarion.domain.action import Publish
from clarion.flows.publications import KIND, QUEUE, NewPublication, add_publications
from clarion.store.database import open_pool


@pytest.fixture
async def rig(database: str) -> AsyncIterator[Rig]:
    """A fresh database with a pool as workers have it."""
    pool = await open_pool(database, size=5, statement_timeout_s=30, application_name="tests")
    yield Rig(url=database, pool=pool)
    await pool.close()


def _expired(rig: Rig, order: str) -> NewPublication:
    publish = Publish(kind="nats", target={"subject": "expiration:complete"}, body={"orderId": order})
    return NewPublication(tenant_id=rig.tenant, id=f"timer:{order}:1/0", publish=publish)


async def test_many_are_written_at_once_each_with_all_it_needs(rig: Rig) -> None:
    full = Publish(
        kind="rabbitmq",
        broker="flights",
        target={"exchange": "results", "routing_key": "done"},
        headers={"trace": "1"},
        body=["any", {"json": None}],
    )
    async with rig.pool.acquire() as connection, connection.transaction():
        queues = await add_publications(
            connection,
            [*(_expired(rig, f"o{n}") for n in range(500)), NewPublication(tenant_id=rig.tenant, id="x", publish=full)],
        )
    assert queues == {QUEUE}
    jobs = await rig.claim(1_000, queue=QUEUE)
    assert len(jobs) == 501
    assert {(job.kind, job.tenant_id, job.key) for job in jobs} == {(KIND, rig.tenant, None)}
    by_id = {job.args["id"]: job.args for job in jobs}
    at = datetime.fromisoformat(by_id["x"].pop("at"))
    assert abs(at - clock.now()) < timedelta(minutes=1)
    assert by_id["x"] == {
        "id": "x",
        "kind": "rabbitmq",
        "broker": "flights",
        "target": {"exchange": "results", "routing_key": "done"},
        "headers": {"trace": "1"},
        "body": ["any", {"json": None}],
    }
    by_id["timer:o7:1/0"].pop("at")
    assert by_id["timer:o7:1/0"] == {
        "id": "timer:o7:1/0",
        "kind": "nats",
        "target": {"subject": "expiration:complete"},
        "body": {"orderId": "o7"},
    }


async def test_nothing_is_written_when_the_cause_is_not(rig: Rig) -> None:
    with pytest.raises(ZeroDivisionError):
        async with rig.pool.acquire() as connection, connection.transaction():
            await add_publications(connection, [_expired(rig, "o1")])
            raise ZeroDivisionError
    assert await rig.count() == 0


async def test_no_publications_ring_for_nobody(rig: Rig) -> None:
    async with rig.pool.acquire() as connection:
        assert await add_publications(connection, []) == set()
