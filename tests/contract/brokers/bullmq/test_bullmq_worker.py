"""What Node's BullMQ sees of our worker: its counts, jobs, events and reasons mean what they mean with its own."""

from __future__ import annotations

import asyncio
import base64
import time
from datetime import timedelta

from structlog.testing import capture_logs
from tests.support.bullmq import LOCK, Queue
from tests.support.wait import wait_until


async def test_a_thousand_jobs_are_completed_in_bulls_own_counts(either: Queue) -> None:
    jobs = [{"name": "email-producer", "data": {"to": f"g{n}@guests.example", "n": n}} for n in range(1_000)]
    await either.node("addBulk", jobs)
    reader = await either.reader("email-producer", acks=True)
    got = await reader.until(1_000)
    await either.until_counts(completed=1_000)
    assert len({one.id for one in got}) == 1_000
    assert [one.body for one in got] == [b'{"to":"g%d@guests.example","n":%d}' % (n, n) for n in range(1_000)]
    assert {one.subject for one in got} == {"email-producer"}
    assert not any(one.redelivered for one in got)


async def test_a_completed_job_says_who_did_it_when_and_as_what(either: Queue) -> None:
    await either.node("listen")
    id = await either.node("add", "mail", {"n": 1}, {"attempts": 3})
    reader = await either.reader("mail", acks=True, worker="w-7")
    [delivery] = await reader.until(1)
    await either.until_counts(completed=1)
    job = await either.node("job", id)
    assert job["state"] == "completed"
    assert job["returnvalue"] == {"delivery": delivery.id}
    assert job["processedBy"] == "w-7"
    assert job["timestamp"] <= job["processedOn"] <= job["finishedOn"]
    assert job["attemptsMade"] == 1
    assert delivery.id == f"{id}@{job['timestamp']}"
    assert delivery.headers["attempts"] == "3"
    events = await until_heard(either, "completed")
    assert [event["event"] for event in events] == ["active", "completed"]


async def test_another_name_fails_there_with_its_reason(either: Queue) -> None:
    await either.node("listen")
    good = await either.node("add", "email-producer", {}, {})
    wrong = await either.node("add", "sms-producer", {}, {"attempts": 5, "backoff": 1})
    reader = await either.reader("email-producer", acks=True)
    await either.until_counts(completed=1, failed=1)
    [failed] = await either.node("failed")
    assert failed["id"] == wrong
    assert failed["failedReason"] == (
        "no job of the name 'sms-producer' is expected in this queue, only 'email-producer'"
    )
    assert [one.headers["jobId"] for one in reader.got] == [good]
    events = await until_heard(either, "failed")
    assert [event["jobId"] for event in events if event["event"] == "failed"] == [wrong]


async def test_all_names_are_taken_where_none_is_said(queue: Queue) -> None:
    await queue.node("addBulk", [{"name": name, "data": {}} for name in ("a", "b")])
    reader = await queue.reader(acks=True)
    assert [one.subject for one in await reader.until(2)] == ["a", "b"]
    await queue.until_counts(completed=2)


async def test_progress_is_seen_by_who_listens(queue: Queue) -> None:
    await queue.node("listen")
    id = await queue.node("add", "mail", {}, {})
    reader = await queue.reader()
    [delivery] = await reader.until(1)
    for percent in (10, 55):
        await reader.source.progress(delivery, percent)
    events = await until_heard(queue, "progress", 2)
    assert [(event["jobId"], event["data"]) for event in events if event["event"] == "progress"] == [(id, 10), (id, 55)]
    job = await queue.node("job", id)
    assert (job["state"], job["progress"]) == ("active", 55)


async def test_a_failure_is_for_good_whatever_attempts_are_left(queue: Queue) -> None:
    id = await queue.node("add", "mail", {}, {"attempts": 4, "backoff": {"type": "exponential", "delay": 1}})
    reader = await queue.reader()
    [delivery] = await reader.until(1)
    await reader.source.fail(delivery, "all its messages failed")
    await queue.until_counts(failed=1)
    job = await queue.node("job", id)
    assert (job["failedReason"], job["attemptsMade"]) == ("all its messages failed", 1)


async def test_a_failed_job_that_somebody_retries_is_another_delivery(queue: Queue) -> None:
    id = await queue.node("add", "mail", {}, {})
    reader = await queue.reader()
    [first] = await reader.until(1)
    await reader.source.fail(first, "no")
    await queue.until_counts(failed=1)
    await queue.node("retry", id)
    second = (await reader.until(2))[1]
    assert second.id == f"{first.id}/1"
    assert second.headers["attemptsMade"] == "1"
    await reader.source.ack([second])
    await queue.until_counts(completed=1)


async def test_how_many_finished_jobs_stay_is_what_the_producer_says(queue: Queue) -> None:
    options = [
        {"removeOnComplete": True},
        {"removeOnComplete": {"age": 3600}, "removeOnFail": 2},
        {"removeOnComplete": False},
    ]
    ids = [await queue.node("add", "mail", {}, one) for one in options]
    gone = await queue.node("add", "other", {}, {"removeOnFail": True})
    await queue.reader("mail", acks=True)
    await queue.until_counts(completed=2)
    assert [await queue.node("job", id) is None for id in [*ids, gone]] == [True, False, False, True]


async def test_delayed_jobs_come_at_their_time(either: Queue) -> None:
    reader = await either.reader(acks=True)
    for ms in (1_000, 200, 600):
        await either.node("add", "mail", {"ms": ms}, {"delay": ms})
    await reader.until(3)
    await either.until_counts(completed=3)
    assert [one.body for one in reader.got] == [b'{"ms":200}', b'{"ms":600}', b'{"ms":1000}']
    for job in await either.node("completed"):
        late = job["processedOn"] - job["timestamp"] - job["opts"]["delay"]
        assert 0 <= late < 500, job


async def test_priorities_mean_what_they_mean_to_bull(either: Queue) -> None:
    await either.node("pause")
    for name, options in (("p5", {"priority": 5}), ("none", {}), ("p1", {"priority": 1}), ("last in", {"lifo": True})):
        await either.node("add", name, {}, options)
    reader = await either.reader(acks=True, concurrency=1)
    await either.node("resume")
    assert [one.subject for one in await reader.until(4)] == ["last in", "none", "p1", "p5"]
    assert [one.headers["priority"] for one in reader.got] == ["0", "0", "1", "5"]


async def test_a_paused_queue_is_left_alone_and_nothing_of_it_is_lost(either: Queue) -> None:
    """In BullMQ 5 what another version puts into the waiting list of a paused queue is gone when it is resumed."""
    reader = await either.reader(acks=True)
    await either.node("add", "before", {}, {})
    await reader.until(1)
    await either.node("pause")
    ids = [await either.node("add", "meanwhile", {"n": n}, {}) for n in range(3)]
    ids.append(await either.node("add", "meanwhile", {"n": 3}, {"delay": 100}))
    await either.until_due(ids[-1])
    late = await either.reader(acks=True, worker="late")
    await either.until_idle("late")
    assert len(reader.got) == 1
    await either.node("resume")
    await either.until_counts(completed=5)
    assert {one.headers["jobId"] for one in [*reader.got[1:], *late.got]} == set(ids)


async def test_what_was_active_when_the_queue_was_paused_can_be_given_back(queue: Queue) -> None:
    await queue.node("addBulk", [{"name": "mail", "data": {"n": n}} for n in range(4)])
    reader = await queue.reader()
    first = list(await reader.until(4))
    await queue.node("pause")
    await reader.source.nack(first[:2])
    await reader.source.ack(first[2:])
    await queue.node("add", "mail", {"n": 4}, {})
    await queue.node("resume")
    again = (await reader.until(7))[4:]
    assert {one.id for one in again} > {one.id for one in first[:2]}
    await reader.source.ack(again)
    await queue.until_counts(completed=5)


async def test_given_back_it_comes_again_not_before_its_time(queue: Queue) -> None:
    await queue.node("add", "mail", {}, {})
    reader = await queue.reader()
    [first] = await reader.until(1)
    begun = time.monotonic()
    await reader.source.nack([first], after=timedelta(milliseconds=400))
    assert await queue.counts() == {"delayed": 1}
    second = (await reader.until(2))[1]
    assert time.monotonic() - begun >= 0.39
    assert second.id == first.id
    assert second.redelivered
    await reader.source.ack([second])
    await queue.until_counts(completed=1)


async def test_concurrency_bounds_what_is_active(queue: Queue) -> None:
    await queue.node("addBulk", [{"name": "mail", "data": {}} for _ in range(20)])
    reader = await queue.reader(concurrency=3)
    for done in range(0, 18, 3):
        got = await reader.until(done + 3)
        assert await queue.counts() == {"waiting": 17 - done, "active": 3} | ({"completed": done} if done else {})
        await reader.source.ack(got[done:])


async def test_many_are_handed_over_together_where_there_is_room(queue: Queue) -> None:
    await queue.node("addBulk", [{"name": "mail", "data": {"n": n}} for n in range(450)])
    reader = await queue.reader(concurrency=1_000)
    await reader.until(450)
    assert reader.sizes == [450]
    assert [one.body for one in reader.got] == [b'{"n":%d}' % n for n in range(450)]
    await reader.source.ack(reader.got)
    await queue.until_counts(completed=450)


async def test_the_limit_of_the_queue_holds_too(queue: Queue) -> None:
    await queue.node("atMost", 2)
    await queue.node("addBulk", [{"name": "mail", "data": {}} for _ in range(5)])
    reader = await queue.reader()
    begun = time.monotonic()
    for done in (0, 2, 4):
        got = await reader.until(min(done + 2, 5))
        assert (await queue.counts())["active"] == len(got) - done
        await reader.source.ack(got[done:])
    await queue.until_counts(completed=5)
    assert time.monotonic() - begun < 2, "it waits for its own place, not for a timer"


async def test_two_workers_and_nodes_own_share_a_queue(queue: Queue) -> None:
    await queue.node("work", {"concurrency": 5})
    readers = [await queue.reader(acks=True, worker=f"w{n}") for n in (1, 2)]
    await queue.node("addBulk", [{"name": "mail", "data": {"n": n}} for n in range(2_000)])
    await queue.until_counts(completed=2_000)
    # What Node lists are the last ones: enough to see that nobody did all.
    ours = [one.id for reader in readers for one in reader.got]
    assert len(set(ours)) == len(ours) < 2_000
    completed = await queue.node("completed")
    assert len(completed) == 2_000
    assert sum(job["returnvalue"] != "node" for job in completed) == len(ours)


async def test_bulls_tools_see_a_worker_and_there_are_two_connections_whatever_the_load(queue: Queue) -> None:
    reader = await queue.reader(acks=True, worker="w1")
    queue_name = base64.b64encode(queue.name.encode()).decode()
    names = [f"bull:{queue_name}:w:clarion:w1", f"clarion:w1:{queue.name}"]
    seen: list[list[str]] = []

    done = asyncio.Event()

    async def watch() -> None:
        while not done.is_set():
            seen.append(await queue.connections("w1"))

    watching = asyncio.create_task(watch())
    try:
        with capture_logs() as logs:
            for _ in range(4):
                await queue.node("addBulk", [{"name": "mail", "data": {}} for _ in range(1_000)])
            await queue.until_counts(completed=4_000)
    finally:
        done.set()
        await watching
    assert logs == [], "no lock was missed, though many were renewed while their jobs ended"
    assert len(reader.got) == 4_000
    assert len(seen) > 10
    assert all(one == names for one in seen)
    assert await queue.node("workers") == [names[0]]


async def test_a_lock_outlives_a_job_that_takes_three_times_as_long(queue: Queue) -> None:
    await queue.node("listen")
    id = await queue.node("add", "mail", {}, {})
    slow = await queue.reader(worker="slow")
    [delivery] = await slow.until(1)
    other = await queue.reader(worker="other")
    begun = time.monotonic()
    await wait_until(lambda: time.monotonic() - begun > 3 * LOCK.total_seconds(), 20, "three locks have passed")
    assert not other.got
    await slow.source.ack([delivery])
    await queue.until_counts(completed=1)
    assert "stalled" not in [event["event"] for event in await queue.node("events")]
    assert (await queue.node("job", id))["attemptsStarted"] == 1


async def test_a_job_of_a_scheduler_is_done_and_the_log_says_that_no_next_one_is_made(either: Queue) -> None:
    await either.node("schedule", "nightly", 60_000, "mail")
    with capture_logs() as logs:
        reader = await either.reader("mail", acks=True)
        await reader.until(1)
        await either.until_counts(completed=1)
    assert [(one["event"], one["jobs"]) for one in logs] == [("source.scheduler_not_served", 1)]


async def until_heard(queue: Queue, event: str, count: int = 1) -> list[dict[str, object]]:
    """What Node has heard, once that *event* is *count* times among it."""

    async def heard() -> list[dict[str, object]] | None:
        events: list[dict[str, object]] = await queue.node("events")
        return events if sum(one["event"] == event for one in events) >= count else None

    found: list[dict[str, object]] = await wait_until(heard, 20, f"{count} {event}")
    return found
