"""Jobs that we add are jobs to Node's BullMQ: its workers do them, and each publication is one."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from tests.support.bullmq import Queue
from tests.support.redis import Redis

from clarion.brokers.base import Publication
from clarion.brokers.bullmq import BullMQSink
from clarion.domain.outcome import Reject, Retry, Sent


@pytest.fixture
async def sink(redis: Redis) -> AsyncIterator[BullMQSink]:
    sink = BullMQSink(redis.url, name="test")
    yield sink
    await sink.close()


def publication(queue: Queue, id: str, data: object = None, **headers: str) -> Publication:
    target = {"queue": queue.name, "job": "expired"}
    return Publication(id=id, target=target, body=json.dumps(data).encode(), headers=headers)


async def test_nodes_worker_does_what_we_add(either: Queue, sink: BullMQSink) -> None:
    outcomes = await sink.publish([publication(either, f"timer:t{n}/0", {"n": n, "é": "ü"}) for n in range(250)])
    assert outcomes == [Sent(f"timer%3At{n}/0") for n in range(250)]
    assert await either.counts() == {"waiting": 250}
    job = await either.node("job", "timer%3At7/0")
    assert (job["name"], job["data"]) == ("expired", {"n": 7, "é": "ü"})
    await either.node("work", {"concurrency": 10})
    await either.until_counts(completed=250)


async def test_a_repeat_adds_nothing(either: Queue, sink: BullMQSink) -> None:
    one = publication(either, "a", {"first": True})
    assert await sink.publish([one, one]) == [Sent("a"), Sent("a")]
    assert await sink.publish([publication(either, "a", {"first": False})]) == [Sent("a")]
    assert await either.counts() == {"waiting": 1}
    assert (await either.node("job", "a"))["data"] == {"first": True}


async def test_numbers_and_colons_become_ids_that_bull_allows(queue: Queue, sink: BullMQSink) -> None:
    own = await queue.node("add", "mail", {}, {})
    ids = [own, f"%3{own}", "a:b", "a%3Ab", "0"]
    outcomes = await sink.publish([publication(queue, id) for id in ids])
    assert outcomes == [Sent(f"%3{own}"), Sent(f"%253{own}"), Sent("a%3Ab"), Sent("a%253Ab"), Sent("%30")]
    assert await queue.counts() == {"waiting": 6}


async def test_options_of_the_job_are_headers(queue: Queue, sink: BullMQSink) -> None:
    await sink.publish(
        [
            publication(queue, "later", delay="60000", attempts="4", backoff="5000"),
            publication(queue, "urgent", priority="2"),
            publication(queue, "plain", traceparent="00-1-2-03"),
        ]
    )
    assert await queue.counts() == {"waiting": 1, "delayed": 1, "prioritized": 1}
    later = await queue.node("job", "later")
    assert later["opts"]["attempts"] == 4
    assert later["opts"]["backoff"] == {"type": "fixed", "delay": 5000}
    assert (later["state"], later["delay"]) == ("delayed", 60_000)


@pytest.mark.parametrize(
    ("target", "body", "headers", "reason"),
    [
        ({"job": "x"}, b"{}", {}, "target has no queue"),
        ({"queue": "q"}, b"{}", {}, "target has no job"),
        ({"queue": "a:b", "job": "x"}, b"{}", {}, "no colon"),
        ({"queue": "q", "job": "x"}, b"{", {}, "JSON"),
        ({"queue": "q", "job": "x"}, b"{}", {"delay": "-1"}, "delay is a whole number"),
        ({"queue": "q", "job": "x"}, b"{}", {"priority": "2097153"}, "priority is a whole number"),
        ({"queue": "q", "job": "x"}, b"{}", {"attempts": "²"}, "attempts is a whole number"),
    ],
)
async def test_what_can_never_be_a_job_is_rejected_and_leaves_others_alone(
    queue: Queue, sink: BullMQSink, target: dict[str, str], body: bytes, headers: dict[str, str], reason: str
) -> None:
    bad = Publication(id="bad", target=target, body=body, headers=headers)
    good, rejected = await sink.publish([publication(queue, "good"), bad])
    assert good == Sent("good")
    assert isinstance(rejected, Reject)
    assert reason in rejected.reason


async def test_jobs_for_a_paused_queue_are_there_when_it_is_resumed(either: Queue, sink: BullMQSink) -> None:
    await either.node("pause")
    await either.node("add", "theirs", {}, {})
    await sink.publish([publication(either, "ours"), publication(either, "ours-later", delay="10")])
    await either.node("add", "theirs", {}, {})
    reader = await either.reader(acks=True)
    await either.node("resume")
    await either.until_counts(completed=4)
    assert sorted(one.subject for one in reader.got) == ["expired", "expired", "theirs", "theirs"]


async def test_it_is_tried_again_when_redis_is_away_and_added_once(own_queue: Queue, own_redis: Redis) -> None:
    sink = BullMQSink(own_redis.url, name="test")
    one = publication(own_queue, "one")
    assert await sink.publish([one]) == [Sent("one")]
    await own_redis.kill()
    for _ in range(2):
        [away] = await sink.publish([one])
        assert isinstance(away, Retry)
    await own_redis.start()
    assert await sink.publish([one, publication(own_queue, "two")]) == [Sent("one"), Sent("two")]
    assert await own_queue.counts() == {"waiting": 2}
    await sink.close()


async def test_it_has_one_named_connection(queue: Queue, sink: BullMQSink) -> None:
    for n in range(3):
        await sink.publish([publication(queue, f"{n}-{m}") for m in range(300)])
    names = [one["name"] for one in await queue.redis.client_list()]
    assert names.count("clarion:test:sink") == 1
