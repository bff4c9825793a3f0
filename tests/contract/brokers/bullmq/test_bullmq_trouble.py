"""What happens to jobs when a worker dies, or Redis is killed, frozen, or cuts its connections."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time

import pytest
from tests.support.bullmq import Queue
from tests.support.redis import Redis
from tests.support.wait import wait_until

from clarion.brokers.base import Disconnected
from clarion.brokers.bullmq import BullMQSource
from clarion.domain.source import BullSource
from clarion.errors import ConfigError

#: A worker in a process of its own, that takes jobs and does not settle them.
_WORKER = """
import asyncio, sys
from tests.support.bullmq import LOCK, RESCUE_EVERY
from clarion.brokers.bullmq import BullMQSource
from clarion.domain.source import BullSource

async def main(url, queue):
    source = BullMQSource(BullSource(queue=queue), url, worker="dying", lock=LOCK, rescue_every=RESCUE_EVERY)
    await source.open()
    async for batch in source.batches():
        print(*[one.id for one in batch], flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


async def test_jobs_of_a_killed_worker_are_taken_up_by_another(queue: Queue) -> None:
    await queue.node("listen")
    await queue.node("addBulk", [{"name": "mail", "data": {"n": n}} for n in range(50)])
    dying = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _WORKER, queue.url, queue.name), stdout=asyncio.subprocess.PIPE
    )
    assert dying.stdout is not None
    taken: list[str] = []
    while len(taken) < 50:
        taken += (await dying.stdout.readline()).decode().split()
    os.kill(dying.pid, signal.SIGKILL)
    await dying.wait()
    reader = await queue.reader(acks=True)
    again = await reader.until(50)
    await queue.until_counts(completed=50)
    assert sorted(one.id for one in again) == sorted(taken), "the same deliveries as before"
    assert all(one.redelivered for one in again)
    assert {job["attemptsMade"] for job in await queue.node("completed")} == {1}


async def test_stalling_again_and_again_does_not_fail_a_job(queue: Queue) -> None:
    id = await queue.node("add", "mail", {}, {})
    seen = set()
    for n in range(4):
        reader = await queue.reader(worker=f"w{n}")
        [delivery] = await reader.until(1)
        seen.add(delivery.id)
        await queue.cut(f"w{n}")
        await reader.stop()
    last = await queue.reader(acks=True, worker="last")
    [delivery] = await last.until(1)
    await queue.until_counts(completed=1)
    assert seen == {delivery.id}
    assert (await queue.node("job", id))["stalledCounter"] == 4


async def test_a_job_that_another_worker_found_stalled_too_often_is_taken_all_the_same(queue: Queue) -> None:
    id = await queue.node("add", "mail", {}, {})
    await queue.redis.hset(f"bull:{queue.name}:{id}", "defa", "job stalled more than allowable limit")
    await queue.reader(acks=True)
    await queue.until_counts(completed=1)


async def test_a_job_that_must_fail_for_another_reason_does(queue: Queue) -> None:
    id = await queue.node("add", "mail", {}, {})
    await queue.redis.hset(f"bull:{queue.name}:{id}", "defa", "child bull:x:1 failed")
    reader = await queue.reader(acks=True)
    await queue.until_counts(failed=1)
    assert (await queue.node("job", id))["failedReason"] == "child bull:x:1 failed"
    assert not reader.got


async def test_a_job_whose_data_was_evicted_fails(queue: Queue) -> None:
    await queue.node("pause")
    id = await queue.node("add", "mail", {}, {})
    await queue.redis.delete(f"bull:{queue.name}:{id}")
    reader = await queue.reader(acks=True)
    await queue.node("resume")
    await queue.until_counts(failed=1)
    assert not reader.got


async def test_what_was_taken_by_another_meanwhile_is_not_settled_by_us(queue: Queue) -> None:
    await queue.node("add", "mail", {}, {})
    first = await queue.reader(worker="first")
    first.then = lambda batch: asyncio.Event().wait()  # so that it does not take it up again itself
    [delivery] = await first.until(1)
    await queue.redis.delete(f"bull:{queue.name}:1:lock")
    second = await queue.reader(worker="second")
    [again] = await second.until(1)
    assert again.id == delivery.id
    await first.source.ack([delivery])
    await first.source.fail(delivery, "too late")
    assert await queue.counts() == {"active": 1}
    await second.source.ack([again])
    await queue.until_counts(completed=1)


async def test_closing_gives_back_at_once_what_is_not_settled(queue: Queue) -> None:
    await queue.node("addBulk", [{"name": "mail", "data": {}} for _ in range(5)])
    first = await queue.reader(worker="first")
    got = await first.until(5)
    await first.stop()
    assert await queue.counts() == {"delayed": 5}
    begun = time.monotonic()
    second = await queue.reader(acks=True, worker="second")
    assert sorted(one.id for one in await second.until(5)) == sorted(one.id for one in got)
    assert time.monotonic() - begun < 0.9, "no lock had to run out"
    assert await queue.connections("first") == []


async def test_a_cut_connection_is_noticed_at_once(queue: Queue) -> None:
    for name in ("clarion:test:", ":w:clarion:test"):
        reader = await queue.reader()
        await reader.source.check()
        [cut] = [one["id"] for one in await queue.redis.client_list() if name in one["name"]]
        await queue.redis.client_kill_filter(_id=cut)
        begun = time.monotonic()
        with pytest.raises(Disconnected):
            await reader.until(1)
        assert time.monotonic() - begun < 1
        await reader.stop()


async def test_who_stops_reading_can_settle_what_there_is(queue: Queue) -> None:
    """As a worker that stops does: it looks no more for jobs, and waits a little for what those in hand caused."""
    await queue.node("addBulk", [{"name": "mail", "data": {}} for _ in range(3)])
    reader = await queue.reader()
    got = await reader.until(3)
    await queue.until_idle("test")
    await reader.cease()
    await reader.source.check()
    await reader.source.ack(got[:2])
    await reader.source.nack(got[2:])
    await queue.until_counts(completed=2, delayed=1)


async def test_redis_killed_and_started_again_loses_nothing(own_queue: Queue, own_redis: Redis) -> None:
    await own_queue.node("addBulk", [{"name": "mail", "data": {"n": n}} for n in range(400)])
    reader = await own_queue.reader(concurrency=50)
    first = list(await reader.until(50))
    await reader.source.ack(first[:20])
    await own_redis.kill()
    begun = time.monotonic()
    await wait_until(lambda: reader.error, 10, "the source says that Redis is away")
    assert isinstance(reader.error, Disconnected)
    assert time.monotonic() - begun < 2
    with pytest.raises(Disconnected):
        await reader.source.ack(first[20:])
    with pytest.raises(Disconnected):
        await reader.source.check()
    await reader.stop()
    with pytest.raises(Disconnected):
        await own_queue.source().open()
    await own_redis.start()
    again = await own_queue.reader(acks=True)
    await own_queue.until_counts(completed=400)
    assert {one.id for one in again.got} | {one.id for one in first[:20]} == {
        f"{job['id']}@{job['timestamp']}" for job in await own_queue.node("completed")
    }


async def test_a_redis_that_stands_still_is_noticed(
    own_queue: Queue, own_redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clarion.brokers.bullmq.connection.PATIENCE_S", 0.3)
    reader = await own_queue.reader()
    own_redis.freeze()
    try:
        with pytest.raises(Disconnected):
            await reader.source.check()
        await wait_until(lambda: reader.error, 15, "the source says that Redis is away")
    finally:
        own_redis.resume()
    await reader.stop()


async def test_scripts_that_redis_has_forgotten_are_sent_again(queue: Queue) -> None:
    reader = await queue.reader(acks=True)
    await queue.redis.script_flush()
    await queue.node("add", "mail", {}, {})
    await reader.until(1)
    await queue.until_counts(completed=1)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/0", "redis://127.0.0.1:none/0"])
def test_an_address_that_is_none_is_a_mistake(url: str) -> None:
    with pytest.raises(ConfigError, match="address of Redis"):
        BullMQSource(BullSource(queue="q"), url, worker="test")


async def test_a_wrong_password_is_a_mistake_and_not_shown(own_queue: Queue) -> None:
    await own_queue.redis.config_set("requirepass", "right")
    url = own_queue.url.replace("redis://", "redis://:wrong-one@")
    with pytest.raises(ConfigError) as raised:
        await BullMQSource(BullSource(queue="q"), url, worker="test").open()
    assert "wrong-one" not in str(raised.value)
    await own_queue.redis.config_set("requirepass", "")
