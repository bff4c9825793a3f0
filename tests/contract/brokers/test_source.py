"""What every source promises, on the real broker."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.contract.brokers.harness import BOUND, Broker
from tests.support.reading import Reading

from clarion.clock import monotonic
from clarion.errors import ConfigError


async def test_it_delivers_what_was_published(broker: Broker) -> None:
    async with Reading(broker.source()) as reading:
        await broker.put(b'{"n": 1}', id="order-1", headers={"x-shop": "corner"})
        (one,) = await reading.first(1)
    assert (one.body, broker.id_of(one), one.redelivered) == (b'{"n": 1}', "order-1", False)
    assert one.subject.endswith("created")
    assert (one.headers.get("x-shop") == "corner") == broker.has_headers


async def test_what_is_acknowledged_does_not_come_again(broker: Broker) -> None:
    async with Reading(broker.source()) as reading:
        await broker.put(*(b"%d" % n for n in range(10)))
        await reading.source.ack(await reading.first(10))
    async with Reading(broker.source()) as again:
        await broker.put(b"next")
        await again.first(1)
        assert again.bodies == [b"next"]


async def test_what_was_acknowledged_out_of_order_does_not_come_again(broker: Broker) -> None:
    async with Reading(broker.source()) as reading:
        await broker.put(*(b"%d" % n for n in range(10)))
        deliveries = await reading.first(10)
        await reading.source.ack([deliveries[n] for n in (7, 2, 3)])
        await reading.source.ack([deliveries[n] for n in (0, 9)])
    async with Reading(broker.source()) as again:
        left = await again.first(5, timeout=40)
        assert sorted(one.body for one in left) == [b"1", b"4", b"5", b"6", b"8"]
        await again.source.ack(left)


async def test_what_is_given_back_comes_again_with_its_id(broker: Broker) -> None:
    async with Reading(broker.source()) as reading:
        await broker.put(b"one", id="a")
        (first,) = await reading.first(1)
        await reading.source.nack([first])
        _, second = await reading.first(2)
        assert (second.body, second.id, second.redelivered) == (b"one", first.id, True)
        await reading.source.ack([second])


async def test_what_is_given_back_for_later_comes_later(broker: Broker) -> None:
    async with Reading(broker.source(**broker.patient())) as reading:
        await broker.put(b"one")
        (first,) = await reading.first(1)
        started = monotonic()
        await reading.source.nack([first], after=timedelta(seconds=0.5))
        await reading.first(2)
        assert monotonic() - started >= 0.5
        await reading.source.ack(reading.all[1:])


async def test_what_was_not_acknowledged_comes_again_to_the_next(broker: Broker) -> None:
    async with Reading(broker.source()) as reading:
        await broker.put(b"1", b"2")
        first = {one.body: one.id for one in await reading.first(2)}
    async with Reading(broker.source()) as again:
        second = await again.first(2)
        assert {one.body: one.id for one in second} == first
        assert all(one.redelivered for one in second)
        await again.source.ack(second)


async def test_what_failed_is_put_aside_by_the_broker(broker: Broker) -> None:
    async with Reading(broker.source()) as reading:
        await broker.put(b"bad")
        (bad,) = await reading.first(1)
        await reading.source.fail(bad, "it is no JSON")
        await broker.put(b"good")
        await reading.first(2)
        await reading.source.ack(reading.all[1:])
        assert reading.bodies == [b"bad", b"good"]
    assert b"bad" in await broker.failed()


async def test_a_slow_reader_holds_the_broker_back(broker: Broker) -> None:
    # Unacknowledged ones are not to come again meanwhile.
    async with Reading(broker.source(**broker.patient())) as reading:
        await broker.put(*(b"%d" % n for n in range(2 * BOUND)))
        taken = await reading.first(BOUND)
        await reading.source.check()
        assert len(reading.all) == BOUND
        await reading.source.ack(taken)
        await reading.source.ack((await reading.first(2 * BOUND))[BOUND:])
        assert len(set(reading.bodies)) == 2 * BOUND


@pytest.mark.parametrize("what", ["empty", "binary", "large"])
async def test_any_body_comes_as_it_was(broker: Broker, what: str) -> None:
    body = {"empty": b"", "binary": bytes(range(256)) + b"\r\n", "large": b"x" * broker.large}[what]
    async with Reading(broker.source()) as reading:
        await broker.put(body)
        (one,) = await reading.first(1)
        await reading.source.ack([one])
    assert one.body == body


async def test_deliveries_of_one_id_are_told_apart_by_nothing_else(broker: Broker) -> None:
    async with Reading(broker.source()) as reading:
        await broker.put(b"1", id="same")
        await broker.put(b"1", id="same")
        await broker.put(b"2", id="other")
        count = 2 if broker.keeps_repeats_back else 3
        await reading.source.ack(await reading.first(count))
        assert {broker.id_of(one) for one in reading.all} == {"same", "other"}


async def test_what_comes_together_is_handed_over_together(broker: Broker) -> None:
    async with Reading(broker.source()):
        pass
    await broker.put(*(b"%d" % n for n in range(BOUND)))
    async with Reading(broker.source()) as reading:
        await reading.source.ack(await reading.first(BOUND))
        assert len(reading.batches) <= BOUND // 4


async def test_what_is_only_checked_must_be_there(broker: Broker) -> None:
    if not broker.declares:
        return  # its queues are there when somebody puts something in
    source = broker.source(declare=False)
    with pytest.raises(ConfigError, match=broker.name):
        await source.open()
    await source.close()
    async with Reading(broker.source()):
        pass
    async with Reading(broker.source(declare=False)) as reading:
        await broker.put(b"one")
        await reading.source.ack(await reading.first(1))


async def test_closing_twice_is_closing_once(broker: Broker) -> None:
    source = broker.source()
    await source.close()
    source = broker.source()
    await source.open()
    await source.close()
    await source.close()
    assert [batch async for batch in source.batches()] == []
