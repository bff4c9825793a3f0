"""What every sink promises, on the real broker."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from tests.contract.brokers.harness import Broker
from tests.support.reading import Reading
from tests.support.wait import wait_until

from clarion.brokers.base import Publication
from clarion.domain.outcome import Reject, Retry, Sent


def publications(broker: Broker, count: int, **changes: object) -> list[Publication]:
    return [
        Publication(id=f"{broker.name}-{n}", target=broker.target, body=json.dumps({"n": n}).encode(), **changes)  # type: ignore[arg-type]
        for n in range(count)
    ]


async def test_what_is_confirmed_is_there(broker: Broker) -> None:
    sink = broker.sink()
    sent = publications(broker, 200, headers={"x-kind": "test"})
    async with Reading(broker.source(**broker.bound_of(500))) as reading:
        outcomes = await sink.publish(sent)
        assert {type(one) for one in outcomes} == {Sent}
        received = await reading.first(200)
        await reading.source.ack(received)
    await sink.close()
    assert {broker.id_of(one): one.body for one in received} == {one.id: one.body for one in sent}
    if broker.has_headers:
        assert received[0].headers["x-kind"] == "test"
        assert received[0].headers["content-type"] == "application/json"


async def test_a_repeat_has_the_id_of_the_first(broker: Broker) -> None:
    sink = broker.sink()
    async with Reading(broker.source()) as reading:
        (one,) = publications(broker, 1)
        assert [type(outcome) for outcome in await sink.publish([one])] == [Sent]
        assert [type(outcome) for outcome in await sink.publish([one])] == [Sent]
        await broker.put(b"end", id="end")
        await reading.source.ack(await reading.first(2 if broker.keeps_repeats_back else 3))
        assert {broker.id_of(delivery) for delivery in reading.all} == {one.id, "end"}
    await sink.close()


async def test_one_that_cannot_go_does_not_hold_up_the_others(broker: Broker) -> None:
    sink = broker.sink()
    async with Reading(broker.source()) as reading:
        first, second = publications(broker, 2)
        lost = Publication(id="lost", target=broker.nowhere, body=b"{}")
        bad = Publication(id="bad", target={}, body=b"{}")
        one, two, three, four = await sink.publish([first, lost, bad, second])
        assert isinstance(one, Sent)
        assert isinstance(two, Reject | Retry)
        assert isinstance(three, Reject)
        assert isinstance(four, Sent)
        await reading.source.ack(await reading.first(2))
    await sink.close()


async def test_a_broker_that_is_away_means_to_try_again(broker: Broker) -> None:
    sink = broker.sink()
    async with Reading(broker.source()):
        pass
    (one,) = publications(broker, 1)
    await sink.publish([one])
    await broker.server.kill()
    (outcome,) = await sink.publish([one])
    if type(outcome) is broker.unconfirmed:  # the client had not noticed, so that it might have been taken
        (outcome,) = await sink.publish([one])
    assert type(outcome) is Retry
    await broker.server.start()
    outcomes = await sink.publish([one])
    assert [type(outcome) for outcome in outcomes] == [Sent]
    await sink.close()


async def test_a_connection_lost_before_the_confirm_is_no_promise(broker: Broker) -> None:
    sink = broker.sink()
    async with Reading(broker.source()):
        pass
    first, *rest = publications(broker, 5)
    assert [type(outcome) for outcome in await sink.publish([first])] == [Sent]
    broker.server.freeze()
    publishing = asyncio.create_task(sink.publish(rest))
    await wait_until(lambda: _bytes_wait_at(broker.server.port), what="the frozen server has been sent something")
    await broker.server.kill()
    assert {type(outcome) for outcome in await publishing} == {broker.unconfirmed}
    await broker.server.start()
    assert {type(outcome) for outcome in await sink.publish(rest)} == {Sent}
    await sink.close()


async def test_closing_twice_is_closing_once(broker: Broker) -> None:
    sink = broker.sink()
    await sink.close()
    await sink.close()
    async with Reading(broker.source()):
        pass
    assert [type(one) for one in await sink.publish(publications(broker, 1))] == [Sent]
    await sink.close()
    await sink.close()


def _bytes_wait_at(port: int) -> bool:
    """Whether a connection of *port*'s server holds bytes that it has not read (proc(5), net/tcp)."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        if words[1].endswith(f":{port:04X}") and words[3] == "01" and int(words[4].split(":")[1], 16):
            return True
    return False
