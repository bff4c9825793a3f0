"""The sources of a worker: opened, changed and closed as bindings are published, and shown as they are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from tests.contract.test_source_runner import QUICK
from tests.support.ingest import Intake, make_intake, message, messages
from tests.support.wait import wait_until

from clarion.brokers import base
from clarion.brokers.memory import MemoryQueue, MemorySource
from clarion.brokers.open_source import new_source
from clarion.config import Settings, broker_url
from clarion.domain.binding import Binding
from clarion.domain.source import BullSource, NatsSource, RabbitSource, Source
from clarion.errors import ConfigError
from clarion.flows.bindings import Bindings
from clarion.flows.follow import Follow
from clarion.queue.workers import SILENT_AFTER
from clarion.store import bindings, sources
from clarion.store.database import Pool, open_pool
from clarion.worker.periodic import Periodic
from clarion.worker.sources import Sources

ORDERS = BullSource(queue="orders", complete_on="accepted")
WELCOME = {"trigger": {"workflow": "welcome", "recipients": [{"id": "data.to"}]}}


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    pool = await open_pool(database, size=6, statement_timeout_s=10, application_name="test")
    async with pool:
        yield pool


@pytest.fixture
async def intake(pool: Pool) -> Intake:
    return await make_intake(pool)


@dataclass(kw_only=True)
class Broker:
    """Queues in memory by the names of the sources, and what was opened."""

    queues: dict[str, MemoryQueue] = field(default_factory=dict)
    made: list[tuple[Source, MemorySource]] = field(default_factory=list)

    def queue(self, spec: Source) -> MemoryQueue:
        return self.queues.setdefault(spec.name, MemoryQueue())

    def make(self, spec: Source) -> base.Source:
        source = MemorySource(self.queue(spec), name=spec.name)
        self.made.append((spec, source))
        return source


async def bind(intake: Intake, *wanted: Binding) -> None:
    async with intake.pool.acquire() as connection, connection.transaction():
        said = {one.key: (one.content_hash, one.to_json()) for one in wanted}
        await bindings.publish(connection, intake.tenant_id, said)


async def look(intake: Intake) -> dict[str, Any]:
    async with intake.pool.acquire() as connection:
        return {row["name"]: row for row in await sources.list_(connection, intake.tenant_id, SILENT_AFTER)}


@asynccontextmanager
async def running(intake: Intake, make: Callable[[Source], base.Source], worker: str = "w1") -> AsyncIterator[None]:
    """The sources of a worker, looking every few milliseconds."""
    every = timedelta(seconds=0.02)
    published = Bindings(intake.pool)
    ours = Sources(
        intake.pool,
        published,
        intake.ingest(worker),
        make,
        follow=Follow(intake.pool),
        worker=worker,
        rhythm=QUICK,
        every=every,
    )
    stopping = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(Periodic("bindings", every, published.run_once).run(stopping))
        tasks.create_task(ours.run(stopping, timedelta(seconds=5)))
        try:
            yield
        finally:
            stopping.set()


def until(intake: Intake, name: str, **wanted: Any) -> Callable[[], Awaitable[bool]]:
    async def is_so() -> bool:
        row = (await look(intake)).get(name)
        return row is not None and all(row[field] == value for field, value in wanted.items())

    return is_so


async def test_sources_follow_what_is_published(intake: Intake) -> None:
    """A binding comes, changes what it does, changes its source, and goes: each without a restart."""
    broker = Broker()
    queue = broker.queue(ORDERS)
    async with running(intake, broker.make):
        queue.put(messages(3))
        await bind(intake, Binding(key="greets", on=ORDERS, do=[WELCOME]))
        await wait_until(lambda: len(queue.acked) == 3, what="the first are taken in")
        twice = Binding(key="greets", on=ORDERS, when="data.to != 'guest4'", do=[WELCOME, WELCOME])
        await bind(intake, twice)

        async def taken_twice() -> bool:
            queue.put([message(f"{len(queue.acked)}-x", {"to": "new"})])
            return bool(await intake.pool.fetchval("SELECT count(*) > 0 FROM inbound WHERE cardinality(triggers) = 2"))

        await wait_until(taken_twice, what="the binding does what it says now")
        assert len(broker.made) == 1, "it was not opened anew for that"
        await bind(intake, replace(twice, on=replace(ORDERS, concurrency=7)))
        await wait_until(lambda: len(broker.made) == 2, what="it is opened anew")
        assert broker.made[1][0] == replace(ORDERS, concurrency=7)
        await bind(intake)

        async def is_gone() -> bool:
            row = (await look(intake))[ORDERS.name]
            return all(worker["state"] == "stopped" for worker in row["workers"])

        await wait_until(is_gone, what="it is closed")
    row = (await look(intake))[ORDERS.name]
    assert row["accepted"] == len(set(queue.acked)) == await intake.count("inbound")
    assert row["last_message_at"] is not None
    assert row["workers"] == [], "who ended is not on the list"


async def test_what_is_away_is_shown_and_harms_no_other(intake: Intake) -> None:
    broker = Broker()
    rabbit = RabbitSource(queue="bookings")

    def make(spec: Source) -> base.Source:
        if isinstance(spec, RabbitSource):
            raise ConfigError("There is no address of rabbitmq: set CLARION_AMQP_URL.")
        return broker.make(spec)

    broker.queue(ORDERS).put(messages(2))
    both = [Binding(key="a", on=rabbit, do=[WELCOME]), Binding(key="b", on=ORDERS, do=[WELCOME])]
    await bind(intake, *both)
    async with running(intake, make):
        await wait_until(until(intake, ORDERS.name, accepted=2), what="the other one brings its messages")

        async def is_shown() -> bool:
            workers = (await look(intake))[rabbit.name]["workers"]
            return bool(workers and workers[0]["state"] == "away")

        await wait_until(is_shown, what="it is shown to be away")
        (worker,) = (await look(intake))[rabbit.name]["workers"]
        assert worker["trouble"] == "There is no address of rabbitmq: set CLARION_AMQP_URL."


async def test_bindings_of_one_source_share_it(intake: Intake) -> None:
    """Each does what it says with every message, and the jobs of all are taken."""
    broker = Broker()
    queue = broker.queue(ORDERS)
    one = Binding(key="a", on=replace(ORDERS, jobs=("x",)), do=[WELCOME])
    two = Binding(key="b", on=replace(ORDERS, jobs=("y",)), when="data.to == 'guest1'", do=[WELCOME])
    await bind(intake, one, two)
    queue.put(messages(2))
    async with running(intake, broker.make):
        await wait_until(lambda: len(queue.acked) == 2, what="both are taken in")
    ((spec, _),) = broker.made
    assert isinstance(spec, BullSource)
    assert list(spec.jobs) == ["x", "y"]
    assert await intake.triggers() == ["guest0", "guest1", "guest1"]


async def test_bindings_that_contradict_each_other_open_nothing(intake: Intake) -> None:
    """Opened as the first of them says, the source would never bring what the other means. It is told, and waits."""
    broker = Broker()
    orders = NatsSource(stream="orders", subjects=("order.created",), durable="clarion")
    queue = broker.queue(orders)
    queue.put(messages(2))
    one = Binding(key="a", on=orders, do=[WELCOME])
    two = Binding(key="b", on=replace(orders, subjects=("order.paid",), ack_wait=5.0), do=[WELCOME])
    await bind(intake, one, two)
    async with running(intake, broker.make):

        async def trouble() -> str:
            workers = (await look(intake)).get(orders.name, {"workers": []})["workers"]
            return str(workers[0]["trouble"] or "") if workers else ""

        said = await wait_until(trouble, what="it is told")
        assert "`a` and `b` say different things of it (subjects, ack_wait)" in said
        assert broker.made == [] and len(queue) == 2
        await bind(intake, one, replace(two, on=replace(orders, subjects=["order.created"])))
        await wait_until(lambda: len(queue.acked) == 2, what="it is opened when they agree")


async def test_bindings_are_read_by_one_duty_of_the_worker_alone(intake: Intake) -> None:
    class Counted(Bindings):
        asked = 0

        async def refresh(self) -> bool:
            self.asked += 1
            return await super().refresh()

    broker, published = Broker(), Counted(intake.pool)
    await bind(intake, Binding(key="a", on=ORDERS, do=[WELCOME]))
    await published.run_once()
    follow = Follow(intake.pool)
    ours = Sources(intake.pool, published, intake.ingest(), broker.make, follow=follow, worker="w1", rhythm=QUICK)
    stopping = asyncio.Event()
    task = asyncio.create_task(ours.run(stopping, timedelta(seconds=5)))
    try:
        await wait_until(lambda: broker.made, what="what was read is opened")
        await ours.run_once()
        assert published.asked == 1
    finally:
        stopping.set()
        await task


async def test_two_workers_take_from_one_source(intake: Intake) -> None:
    broker = Broker()
    queue = broker.queue(ORDERS)
    await bind(intake, Binding(key="a", on=ORDERS, do=[WELCOME]))
    queue.put(messages(300))
    async with running(intake, broker.make), running(intake, broker.make, "w2"):
        await wait_until(lambda: len(set(queue.acked)) == 300, what="all are taken in")
    assert await intake.count("trigger") == 300
    assert (await look(intake))[ORDERS.name]["accepted"] == 300


@pytest.mark.parametrize(
    ("spec", "url"),
    [
        (RabbitSource(queue="q"), {"amqp_url": "amqp://127.0.0.1:1"}),
        (NatsSource(stream="s", subjects=["s.>"], durable="d"), {"nats_url": "nats://127.0.0.1:1"}),
        (BullSource(queue="q"), {"redis_url": "redis://127.0.0.1:1"}),
    ],
    ids=["rabbitmq", "nats", "bullmq"],
)
async def test_each_kind_has_its_adapter(spec: Source, url: dict[str, str]) -> None:
    """It says what is missing; with an address it is made, and says that nobody is there."""
    from functools import partial

    pytest.importorskip({"amqp_url": "aio_pika", "nats_url": "nats", "redis_url": "redis"}[next(iter(url))])
    with pytest.raises(ConfigError, match="There is no address of"):
        new_source(spec, partial(broker_url, Settings()), worker="w1")
    source = new_source(spec, partial(broker_url, Settings.model_validate(url)), worker="w1")
    assert source.name == spec.name
    try:
        with pytest.raises(base.Disconnected):
            await source.open()
    finally:
        await source.close()
