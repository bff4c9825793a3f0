"""A broker, its readers, the wire between them and the database come to grief at random: each message acts once.

Run by ``make torture``; ``TORTURE_SEED`` repeats one round, ``TORTURE_BROKER_ROUNDS`` says how many each broker has.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest
from tests.contract.brokers.harness import Broker, BullBroker, NatsBroker, RabbitBroker
from tests.support.broker_chaos import BAD, BrokerChaos
from tests.support.cluster import Cluster
from tests.support.oracle import assert_survived
from tests.support.wire import Wire

from clarion.domain.binding import Binding
from clarion.flows.act import Act
from clarion.flows.definitions import Definitions
from clarion.flows.redrive import Redrive
from clarion.flows.retention import What, prune
from clarion.store import bindings

pytestmark = pytest.mark.torture

_ROUNDS = int(os.environ.get("TORTURE_BROKER_ROUNDS", "3"))
#: By the name of the fixture that gives its server.
_BROKERS: Mapping[str, Callable[[Any], Broker]] = {"rabbitmq": RabbitBroker, "nats": NatsBroker, "redis": BullBroker}
_MAILS = {
    "trigger": {
        "workflow": "mail-retry",
        "recipients": [{"id": "data.to", "name": "data.to", "email": "data.to + '@guests.example'"}],
        "payload": {"words": "'welcome'"},
    }
}
#: How often a message came that had been here before; those in quarantine are counted each time.
_KNOWN = "SELECT sum(repeated + quarantined) FROM source"
#: Why one that is well lies in quarantine after so many deaths.
_POISON = "poison: 3 workers had it and came to no end with it"


@pytest.fixture(params=list(_BROKERS))
def broker(request: pytest.FixtureRequest) -> Broker:
    """A queue of this test alone, on a server that may be killed."""
    return _BROKERS[request.param](request.getfixturevalue(request.param))


@pytest.mark.parametrize("number", range(_ROUNDS))
async def test_brokers_at_random(cluster: Cluster, broker: Broker, number: int) -> None:
    """40 s of trouble; then everything once more, when what came of it has been removed for its age."""
    seed = int(os.environ.get("TORTURE_SEED", random.randrange(10**6)))
    print(f"seed {seed}")
    source = broker.spec(**broker.bound_of(40))
    binding = Binding(key="mails", on=source, do=[_MAILS])
    async with cluster.pool.acquire() as connection, connection.transaction():
        await bindings.publish(connection, cluster.tenant_id, {"mails": (binding.content_hash, binding.to_json())})
    async with Wire(broker.server.port) as wire:
        chaos = BrokerChaos(cluster, broker, wire, random.Random(seed))
        await chaos.run(seconds=40)
        published = chaos.published
        print(f"{len(published)} published; " + "; ".join(chaos.done))
        await cluster.until("(SELECT count(*) FROM inbound) = $1", len(published), timeout=120)
        await _redrive_the_innocent(cluster)
        await assert_survived(cluster, rest_s=180, ends=("sent", "failed"))
        await _acted_once(cluster, published)

        async with cluster.pool.acquire() as connection:
            await prune(connection, dict.fromkeys(What, timedelta(0)), only=set(What) - {What.MESSAGES})
        before, known = await _rows(cluster), await cluster.pool.fetchval(_KNOWN)
        await broker.repeat(published)
        await cluster.until(f"({_KNOWN}) >= $1", known + len(published), timeout=120)
        await chaos.stop()
        assert await broker.waiting() == 0, "everything is acknowledged"
        assert await _rows(cluster) == before, "what comes again after a year acts as little"


async def _redrive_the_innocent(cluster: Cluster) -> None:
    """Among so many deaths, one that is well may be in hand three times: it is kept, and can be used by hand."""
    innocent = await cluster.pool.fetch(
        "SELECT id FROM quarantine WHERE reason = $1 AND convert_from(body, 'SQL_ASCII') LIKE '%guest-%'", _POISON
    )
    assert len(innocent) <= 12, "one that others had is taken on alone"
    async with cluster.pool.acquire() as connection:
        redrive = Redrive(Act(Definitions()), cluster.tenant_id, wake=lambda _: None)
        for row in innocent:
            assert (await redrive(connection, row["id"])).triggers


async def _acted_once(cluster: Cluster, published: Mapping[str, bytes]) -> None:
    """One trigger for each message that is of use, each other in quarantine once, with its bytes and a reason."""
    rows = await cluster.pool.fetch("SELECT recipient_ids[1] AS who, count(*) AS n FROM trigger GROUP BY 1")
    wanted = {f"guest-{id}": 1 for id, body in published.items() if body not in BAD}
    assert {row["who"]: row["n"] for row in rows} == wanted
    kept = await cluster.pool.fetch("SELECT body, reason FROM quarantine WHERE redriven_at IS NULL")
    assert Counter(row["body"] for row in kept) == Counter(body for body in published.values() if body in BAD)
    assert all(row["reason"] for row in kept)


async def _rows(cluster: Cluster) -> list[int]:
    tables = ("inbound", "trigger", "message", "attempt", "quarantine")
    return [await cluster.pool.fetchval(f"SELECT count(*) FROM {table}") for table in tables]
