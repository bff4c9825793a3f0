"""What sources do when the broker dies, freezes, loses an acknowledgement, or forgets its consumer."""

from __future__ import annotations

from contextlib import suppress

import pytest
from tests.contract.brokers.harness import Broker
from tests.support.reading import Reading
from tests.support.wait import wait_until
from tests.support.wire import Wire

from clarion.brokers.base import Disconnected


async def test_nothing_is_lost_when_the_broker_is_killed_in_the_middle(broker: Broker) -> None:
    bodies = [b"%d" % n for n in range(15)]
    async with Reading(broker.source()) as reading:
        await broker.put(*bodies)
        seen = await reading.first(15)
        await reading.source.ack(seen[:5])
        await broker.server.kill()
        await reading.until_lost(10)
        with pytest.raises(Disconnected):
            await reading.source.ack(seen[5:])
    ids = {one.body: one.id for one in seen}
    with pytest.raises(Disconnected):
        await broker.source().open()
    await broker.server.start()
    async with Reading(broker.source()) as again:
        await wait_until(lambda: set(bodies[5:]) <= set(again.bodies), 40, "what was not acknowledged comes again")
        assert all(ids[one.body] == one.id for one in again.all)
        await again.source.ack(again.all)
        await broker.put(b"after")
        await wait_until(lambda: b"after" in again.bodies, 20, "messages flow again")
        await again.source.ack([one for one in again.all if one.body == b"after"])


async def test_an_acknowledgement_that_is_lost_means_the_same_delivery_again(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker.patience, 2.0)
    async with Wire(broker.server.port) as wire:
        async with Reading(broker.source(url=broker.through(wire.port))) as reading:
            await broker.put(b"1", b"2", id=None)
            seen = await reading.first(2)
            wire.deaf = True
            with suppress(Disconnected):  # it may notice already
                await reading.source.ack(seen)
            wire.cut()
            await reading.until_lost(10)
        wire.deaf = False
        async with Reading(broker.source(url=broker.through(wire.port))) as again:
            repeated = await again.first(2)
            assert {one.body: one.id for one in repeated} == {one.body: one.id for one in seen}
            assert all(one.redelivered for one in repeated)
            await again.source.ack(repeated)


async def test_a_consumer_that_was_taken_away_is_noticed(broker: Broker) -> None:
    async with Reading(broker.source()) as reading:
        await reading.source.check()
        await broker.deafen()
        with pytest.raises(Disconnected):
            await reading.source.check()
        await reading.until_lost(10)
    async with Reading(broker.source()) as again:
        await broker.put(b"one")
        await again.source.ack(await again.first(1))


async def test_a_frozen_broker_is_noticed_by_a_check(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Reading(broker.source()) as reading:
        monkeypatch.setattr(broker.patience, 1.0)
        broker.server.freeze()
        try:
            with pytest.raises(Disconnected):
                await reading.source.check()
            await reading.until_lost(5)
        finally:
            broker.server.resume()


async def test_an_address_where_nobody_is_says_so(broker: Broker) -> None:
    async with Wire(1) as wire:
        port = wire.port
    source = broker.source(url=broker.through(port))
    with pytest.raises(Disconnected, match="cannot be reached"):
        await source.open()
    await source.close()
