"""What is RabbitMQ's alone: queues of any kind, its default exchange, alarms, and messages without an id."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel
from aiormq.abc import ChannelFrame
from aiormq.channel import Channel
from pamqp.body import ContentBody
from pamqp.commands import Basic
from pamqp.header import ContentHeader
from structlog.testing import capture_logs
from tests.contract.brokers.harness import RabbitBroker
from tests.support.endpoint import EndpointServer, hang
from tests.support.rabbitmq import RabbitMQ
from tests.support.reading import Reading
from tests.support.wait import wait_until

from clarion.brokers.base import Disconnected, Publication
from clarion.brokers.rabbitmq.connection import connect
from clarion.domain.outcome import Retry, Sent, Uncertain
from clarion.errors import ConfigError


@asynccontextmanager
async def channel(rabbit: RabbitBroker) -> AsyncIterator[AbstractChannel]:
    async with await aio_pika.connect(rabbit.url) as connection, connection.channel() as opened:
        yield opened


async def put_bare(
    rabbit: RabbitBroker, *bodies: bytes, spoil: tuple[bytes, bytes] = (b"", b""), **properties: Any
) -> None:
    """As other clients publish: without a message id, which the one here would stamp. *spoil*: bytes for others."""
    async with channel(rabbit) as one:
        under = await one.get_underlay_channel()
        assert isinstance(under, Channel)
        for body in bodies:
            header = ContentHeader(properties=Basic.Properties(delivery_mode=2, **properties), body_size=len(body))
            publish = Basic.Publish(exchange=rabbit.target["exchange"], routing_key=rabbit.target["routing_key"])
            frames = ChannelFrame.marshall(under.number, [publish, header, ContentBody(body)])
            await under.write_queue.put(replace(frames, payload=frames.payload.replace(*spoil, 1)))
        await under.basic_qos(prefetch_count=1)  # its answer says that they have arrived


async def test_a_queue_that_its_producer_made_is_read_as_it_is(rabbit: RabbitBroker) -> None:
    async with channel(rabbit) as one:
        await one.declare_queue(rabbit.name, durable=True)
        await one.default_exchange.publish(aio_pika.Message(b"before", message_id="b"), rabbit.name)
        with capture_logs() as logs:
            async with Reading(rabbit.source(exchange=None, routing_keys=())) as reading:
                await one.default_exchange.publish(aio_pika.Message(b"after", message_id="a"), rabbit.name)
                await reading.source.ack(await reading.first(2))
        assert reading.bodies == [b"before", b"after"]
        assert [line["what"] for line in logs if line["event"] == "source.used_as_it_is"] == [f"queue {rabbit.name}"]
        # And its producer may go on saying what it is.
        await one.declare_queue(rabbit.name, durable=True)


async def test_an_exchange_of_another_type_is_used_as_it_is(rabbit: RabbitBroker) -> None:
    async with channel(rabbit) as one:
        await one.declare_exchange(f"{rabbit.name}.events", "direct", durable=True)
        async with Reading(rabbit.source(routing_keys=["order.created"])) as reading:
            await rabbit.put(b"one")
            await reading.source.ack(await reading.first(1))


@pytest.mark.parametrize("type", ["fanout", "headers", "topic"])
async def test_without_routing_keys_everything_comes(rabbit: RabbitBroker, type: str) -> None:
    async with Reading(rabbit.source(exchange_type=type, routing_keys=())) as reading:
        await rabbit.put(b"one")
        await reading.source.ack(await reading.first(1))


async def test_a_classic_queue_without_dead_letters_is_what_producers_declare(rabbit: RabbitBroker) -> None:
    async with Reading(rabbit.source(queue_type="classic", dead_letter_exchange="")) as reading:
        async with channel(rabbit) as one:
            await one.declare_queue(rabbit.name, durable=True)
        await rabbit.put(b"bad", b"good")
        bad, good = await reading.first(2)
        await reading.source.fail(bad, "no use")
        await reading.source.ack([good])
        await reading.source.check()


async def test_an_exchange_for_dead_letters_that_is_there_is_left_as_it_is(rabbit: RabbitBroker) -> None:
    async with channel(rabbit) as one:
        graves = await one.declare_exchange(f"{rabbit.name}.graves", "topic", durable=True)
        grave = await one.declare_queue(f"{rabbit.name}.grave", durable=True)
        await grave.bind(graves, "order.#")
        async with Reading(rabbit.source(dead_letter_exchange=graves.name)) as reading:
            await rabbit.put(b"bad")
            await reading.source.fail((await reading.first(1))[0], "no use")
            buried = await wait_until(lambda: grave.get(fail=False), what="it lies in the grave")
            await buried.ack()
            assert buried.body == b"bad"


async def test_one_that_kills_its_readers_is_refused_by_the_broker_in_the_end(rabbit: RabbitBroker) -> None:
    async with Reading(rabbit.source(delivery_limit=2)):
        pass
    await rabbit.put(b"poison")
    for _ in range(3):
        async with Reading(rabbit.source(delivery_limit=2)) as reading:
            await reading.first(1)
    async with Reading(rabbit.source(delivery_limit=2)) as reading:
        await rabbit.put(b"good")
        await reading.source.ack(await reading.first(1))
        assert reading.bodies == [b"good"]
    assert b"poison" in await rabbit.failed()


async def test_messages_without_an_id_are_told_apart_and_known_again(rabbit: RabbitBroker) -> None:
    async with Reading(rabbit.source()) as reading:
        await put_bare(rabbit, b"same", b"same", b"other")
        first = await reading.first(3)
        ids = sorted(one.id for one in first)
        assert len(set(ids)) == 3
        await rabbit.server.restart()
        await reading.until_lost()
    async with Reading(rabbit.source()) as again:
        second = await again.first(3)
        assert sorted(one.id for one in second) == ids
        await again.source.ack(second)
    async with Reading(rabbit.source()) as last:
        await put_bare(rabbit, b"same")
        await last.first(1)
        assert last.all[0].id not in ids
        await last.source.ack(last.all)


@pytest.mark.parametrize(
    ("properties", "spoil"),
    [
        ({"message_id": "spoiled"}, (b"spoiled", b"\xff\xfe\xfd1234")),
        ({"content_type": "spoiled"}, (b"spoiled", b"\xff\xfe\xfd1234")),
        ({"headers": {"spoiled": 1}}, (b"spoiled", b"\xff\xfe\xfd1234")),
        ({"headers": {"a": "spoiled"}}, (b"spoiled", b"\xff\xfe\xfd1234")),
        ({"timestamp": datetime(2026, 1, 1, tzinfo=UTC)}, ((1767225600).to_bytes(8, "big"), b"\x7f" * 8)),
    ],
    ids=["id", "type", "header name", "header value", "time"],
)
async def test_properties_that_cannot_be_read_do_not_cost_the_connection(
    rabbit: RabbitBroker, properties: dict[str, Any], spoil: tuple[bytes, bytes]
) -> None:
    async with Reading(rabbit.source()) as reading:
        await put_bare(rabbit, b"odd", spoil=spoil, **properties)
        await rabbit.put(b"next")
        await reading.source.ack(await reading.first(2))
        assert reading.bodies == [b"odd", b"next"]
        assert all(isinstance(value, str) for value in reading.all[0].headers.values())


async def test_held_messages_go_back_when_the_source_is_closed(rabbit: RabbitBroker) -> None:
    async with Reading(rabbit.source()) as reading:
        await rabbit.put(b"one")
        await reading.source.nack(await reading.first(1), after=timedelta(hours=1))
    async with Reading(rabbit.source()) as again:
        await again.source.ack(await again.first(1))


async def test_a_wrong_password_is_a_mistake_in_the_settings(rabbit: RabbitBroker) -> None:
    wrong = rabbit.url.replace("guest:guest", "guest:wrong-secret")
    source = rabbit.source(url=wrong)
    with pytest.raises(ConfigError, match="does not let 'guest' in") as refused:
        await source.open()
    assert "wrong-secret" not in str(refused.value)
    sink = rabbit.sink(wrong)
    (outcome,) = await sink.publish([Publication(id="1", target=rabbit.target, body=b"{}")])
    assert isinstance(outcome, Retry)
    assert outcome.pause_provider
    await sink.close()


async def test_a_virtual_host_that_is_not_there_is_a_mistake_in_the_settings(rabbit: RabbitBroker) -> None:
    source = rabbit.source(url=rabbit.url + "nowhere")
    with pytest.raises(ConfigError, match="nowhere"):
        await source.open()


async def test_a_missing_queue_and_a_missing_exchange_are_awaited(rabbit: RabbitBroker) -> None:
    sink = rabbit.sink()
    unroutable = Publication(id="1", target=rabbit.nowhere, body=b"{}")
    no_exchange = Publication(id="2", target={"exchange": f"{rabbit.name}.later", "routing_key": "a"}, body=b"{}")
    one, two = await sink.publish([unroutable, no_exchange])
    assert isinstance(one, Retry) and one.reason.startswith("unroutable")
    assert isinstance(two, Retry)
    async with Reading(rabbit.source(exchange=f"{rabbit.name}.later", routing_keys=["a"])) as reading:
        assert [type(outcome) for outcome in await sink.publish([no_exchange])] == [Sent]
        await reading.source.ack(await reading.first(1))
        # An exchange that goes away behind our back costs the channel, and nothing else.
        async with channel(rabbit) as other:
            await other.exchange_delete(f"{rabbit.name}.later")
        assert [type(outcome) for outcome in await sink.publish([no_exchange])] == [Retry]
        good = Publication(id="3", target={"routing_key": rabbit.name}, body=b"{}")
        assert [type(outcome) for outcome in await sink.publish([good])] == [Sent]
        await reading.source.ack((await reading.first(2))[1:])
    await sink.close()


async def test_a_broker_short_of_memory_is_left_alone(rabbit: RabbitBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clarion.brokers.rabbitmq.sink._CONFIRM_S", 2.0)
    server = rabbit.server
    assert isinstance(server, RabbitMQ)
    sink = rabbit.sink()
    async with Reading(rabbit.source()) as reading:
        one = Publication(id="1", target=rabbit.target, body=b"{}")
        assert [type(outcome) for outcome in await sink.publish([one])] == [Sent]
        await server.ctl("set_vm_memory_high_watermark", "absolute", "1MB")
        try:
            # The first is how RabbitMQ finds out that we publish; it tells us then that it takes nothing.
            assert [type(outcome) for outcome in await sink.publish([one])] == [Uncertain]
            (outcome,) = await sink.publish([one])
            assert isinstance(outcome, Retry)
            assert outcome.pause_provider
        finally:
            await server.ctl("set_vm_memory_high_watermark", "0.4")

        async def takes_again() -> bool:
            return isinstance((await sink.publish([one]))[0], Sent)

        await wait_until(takes_again, 30, "the broker takes messages again")
        await wait_until(lambda: len(reading.all) >= 2, 30, "they arrive")
        await reading.source.ack(reading.all)
        assert {delivery.id for delivery in reading.all} == {"1"}
    await sink.close()


async def test_a_connection_that_came_to_nothing_leaves_nothing_for_the_garbage_collector() -> None:
    """It may run in a thread that has no loop, in which nothing can be closed."""
    async with EndpointServer(answer=hang) as mute:
        urls = [f"amqp://u:p@127.0.0.1:{mute.port}/", "amqp://u:p@127.0.0.1:1/"]
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            for url in urls:
                with pytest.raises((Disconnected, ConfigError)) as raised:
                    await connect(url, "test", patience_s=0.2)
                circle: list[object] = [raised]  # the error holds where it was raised; only the collector frees it
                circle.append(circle)
                del circle, raised
            await asyncio.to_thread(gc.collect)
    assert [str(one.message) for one in told if "never awaited" in str(one.message)] == []
