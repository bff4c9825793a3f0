"""Publications of the queue, all the way to the real brokers: jobs until they are confirmed, then records."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from tests.contract.brokers.harness import Broker
from tests.support.queue import Rig
from tests.support.reading import Reading

from clarion.brokers.open_sink import Sinks
from clarion.domain.action import Publish
from clarion.domain.publishing import Patience
from clarion.flows.publications import QUEUE, NewPublication, add_publications
from clarion.flows.publish import PublishAll
from clarion.flows.slots import Slots
from clarion.queue import lookup
from clarion.queue.lookup import JobState
from clarion.store.database import open_pool

_PATIENCE = Patience.of(5, timedelta(seconds=1), timedelta(seconds=1))


@pytest.fixture
async def rig(database: str) -> AsyncIterator[Rig]:
    """A fresh database with a pool as workers have it."""
    pool = await open_pool(database, size=3, statement_timeout_s=30, application_name="tests")
    yield Rig(url=database, pool=pool)
    await pool.close()


async def test_they_arrive_with_their_ids_and_those_that_cannot_are_kept_with_the_reason(
    broker: Broker, rig: Rig
) -> None:
    kind = broker.sink().kind
    sinks = Sinks(lambda kind, name: broker.url)
    handler = PublishAll(rig.pool, sinks.get, patience=_PATIENCE, slots=Slots())
    good = Publish(kind=kind, target=broker.target, body={"orderId": "o1"})
    new = [NewPublication(tenant_id=rig.tenant, id=f"{broker.name}-{n}", publish=good) for n in range(20)]
    bad = NewPublication(tenant_id=rig.tenant, id="bad", publish=Publish(kind=kind, target={}, body={}))
    async with Reading(broker.source(**broker.bound_of(100))) as reading:
        async with rig.pool.acquire() as connection, connection.transaction():
            await add_publications(connection, [*new, bad])
        await handler(await rig.claim(100, queue=QUEUE))
        received = await reading.first(20)
        await reading.source.ack(received)
    await sinks.close()
    assert {broker.id_of(one): one.body for one in received} == {one.id: b'{"orderId":"o1"}' for one in new}
    async with rig.pool.acquire() as connection:
        done = (await lookup.list_jobs(connection, QUEUE, JobState.DONE, tenant_id=rig.tenant, limit=100)).jobs
        (buried,) = (await lookup.list_jobs(connection, QUEUE, JobState.BURIED, tenant_id=rig.tenant)).jobs
    assert {job.result["id"] for job in done} == {one.id for one in new}
    assert buried.args["id"] == "bad"
    assert "target" in (buried.error or "")


async def test_what_a_broker_that_is_away_does_not_get_waits_for_it(broker: Broker, rig: Rig) -> None:
    kind = broker.sink().kind
    sinks = Sinks(lambda kind, name: broker.through(1))  # nobody listens there
    publish = Publish(kind=kind, target=broker.target, body=1)
    async with rig.pool.acquire() as connection, connection.transaction():
        await add_publications(connection, [NewPublication(tenant_id=rig.tenant, id="a", publish=publish)])
    await PublishAll(rig.pool, sinks.get, patience=_PATIENCE, slots=Slots())(await rig.claim(queue=QUEUE))
    await sinks.close()
    async with rig.pool.acquire() as connection:
        (job,) = (await lookup.list_jobs(connection, QUEUE, JobState.SCHEDULED, tenant_id=rig.tenant)).jobs
    assert (job.attempts <= 1, bool(job.error)) == (True, True)
