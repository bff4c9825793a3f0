"""Runs that wait in delays: they go on at their time, once, whatever becomes of their trigger and its people."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from tests.support.steps import PACE, Steps, open_steps

from clarion import ids
from clarion.domain.step import Channel, ChannelStep, DelayStep
from clarion.flows.rows import WAITING
from clarion.queue import buried, settle
from clarion.queue.claim import Claimer
from clarion.store import partitions, recipients, retention, verify_stuck

MAIL = ChannelStep(key="email", channel=Channel.EMAIL, template="email")
LATE = ChannelStep(key="late", channel=Channel.EMAIL, template="email")
HOUR = timedelta(hours=1)
WAIT = DelayStep(key="wait", length=HOUR)


@pytest.fixture
async def steps(database: str) -> AsyncIterator[Steps]:
    async with open_steps(database) as steps:
        yield steps


async def _due(steps: Steps) -> list[datetime]:
    return [row["run_at"] for row in await steps.pool.fetch("SELECT run_at FROM job WHERE queue = $1", WAITING)]


async def _waiting(steps: Steps) -> int:
    count: int = await steps.pool.fetchval("SELECT coalesce(sum(waiting), 0) FROM trigger_waiting")
    return count


async def test_a_run_waits_and_goes_on(steps: Steps) -> None:
    await steps.publish(MAIL, WAIT, LATE)
    before = await steps.pool.fetchval("SELECT clock_timestamp()")
    id = await steps.trigger()
    assert await steps.messages(id) == [("ana", 0, "queued", None)]
    assert await steps.run(id) == ("running", 1)
    assert WAITING in steps.rung
    (due,) = await _due(steps)
    assert before + HOUR <= due < before + HOUR + timedelta(minutes=1)
    assert await _waiting(steps) == 1
    assert await steps.advancing.run_once() == 0, "not before its time"
    await steps.assert_well()

    await steps.end_messages()
    assert await steps.status(id) == "running", "what waits is not complete"
    assert await steps.time_comes() == 1
    assert await steps.messages(id) == [("ana", 0, "expired", None), ("ana", 2, "queued", None)]
    assert await steps.run(id) == ("completed", 3)
    assert await _waiting(steps) == 0
    assert "email" in steps.rung
    assert await steps.status(id) == "running", "what was made just now is open"
    await steps.assert_well()
    await steps.end_messages()
    assert await steps.status(id) == "completed"
    assert await steps.pool.fetchval("SELECT count(*) FROM trigger_waiting") == 0
    assert await steps.pool.fetchval("SELECT count(*) FROM job") == 0


async def test_one_delay_after_another(steps: Steps) -> None:
    await steps.publish(WAIT, MAIL, DelayStep(key="again", length=2 * HOUR), LATE)
    id = await steps.trigger()
    assert await steps.run(id) == ("running", 0)
    before = await steps.pool.fetchval("SELECT clock_timestamp()")
    await steps.pool.execute("UPDATE job SET run_at = clock_timestamp() WHERE queue = $1", WAITING)
    assert await steps.advancing.run_once() == 1
    assert await steps.run(id) == ("running", 2)
    (due,) = await _due(steps)
    assert due >= before + 2 * HOUR, "counted from when it came to the second"
    assert await _waiting(steps) == 1
    await steps.assert_well()
    assert await steps.time_comes() == 1
    assert [step for _, step, *_ in await steps.messages(id)] == [1, 3]
    await steps.assert_well()


async def test_until_a_time_of_the_payload(steps: Steps) -> None:
    until = DelayStep(key="until", until="timestamp(payload.departs_at) - duration('3h')")
    await steps.publish(MAIL, until, LATE)
    now = await steps.pool.fetchval("SELECT clock_timestamp()")
    departs = (now + timedelta(hours=5)).astimezone(UTC)
    waits = await steps.trigger(payload={"departs_at": departs.isoformat()})
    assert await _due(steps) == [departs - timedelta(hours=3)]
    at_once = await steps.trigger(payload={"departs_at": (now + HOUR).isoformat()})
    nobody_knows = await steps.trigger(payload={})
    assert await steps.run(waits) == ("running", 1)
    assert await steps.messages(at_once) == [("ana", 0, "queued", None), ("ana", 2, "queued", None)]
    reason = "delay cannot be told: there is no 'departs_at' in the data"
    assert await steps.messages(nobody_knows) == [("ana", 0, "queued", None), ("ana", 2, "skipped", reason)]
    assert await steps.run(nobody_knows) == ("completed", 3)
    await steps.assert_well()


async def test_what_stands_behind_is_decided_then(steps: Steps) -> None:
    """Condition and address are those of the moment; so is whether there is still anybody."""
    late = ChannelStep(key="late", channel=Channel.EMAIL, template="email", when="recipient.data.plan == 'pro'")
    await steps.publish(WAIT, late)
    id = await steps.trigger(["ana", "ben", "cem"])
    async with steps.pool.acquire() as connection, connection.transaction():
        changed = "UPDATE recipient SET data = $2 WHERE id = $1"
        await connection.execute(changed, "ana", {"plan": "pro"})
        await connection.execute(changed, "cem", {"plan": "free"})
        await connection.execute("UPDATE contact SET address = 'new@example.com' WHERE recipient_id = 'ana'")
        assert await recipients.delete(connection, steps.tenant_id, "ben")
    assert await steps.time_comes() == 3
    assert sorted(await steps.messages(id)) == [
        ("ana", 1, "queued", None),
        ("ben", 1, "skipped", "its recipient was deleted"),
        ("cem", 1, "skipped", "condition is not met: recipient.data.plan == 'pro'"),
    ]
    ana = "SELECT address FROM message WHERE recipient_id = 'ana'"
    assert await steps.pool.fetchval(ana) == "new@example.com"
    await steps.assert_well()


async def test_the_deadline_counts_from_the_end_of_the_delay(steps: Steps) -> None:
    await steps.publish(DelayStep(key="wait", length=10 * HOUR), MAIL, expires_after=HOUR)
    await steps.trigger()
    await steps.time_comes()
    left = await steps.pool.fetchval("SELECT expires_at - clock_timestamp() FROM message")
    assert HOUR - timedelta(minutes=1) < left <= HOUR


async def test_a_deadline_that_was_named_holds(steps: Steps) -> None:
    await steps.publish(WAIT, MAIL)
    now = await steps.pool.fetchval("SELECT clock_timestamp()")
    near = await steps.trigger(expires_at=now + HOUR / 2)
    ((_, _, status, reason),) = await steps.messages(near)
    assert status == "skipped"
    assert "past its expires_at" in (reason or "")
    far = await steps.trigger(expires_at=now + 2 * HOUR)
    await steps.time_comes()
    assert await steps.pool.fetchval("SELECT expires_at FROM message WHERE trigger_id = $1", far) == now + 2 * HOUR
    await steps.assert_well()


async def test_only_channels_asked_for_are_waited_for(steps: Steps) -> None:
    feed = ChannelStep(key="in_app", channel=Channel.IN_APP, template="in_app")
    await steps.publish(feed, WAIT, MAIL)
    id = await steps.trigger(channels=["in_app"])
    assert await steps.run(id) == ("completed", 3)
    assert not await _due(steps)


async def test_a_cancel_ends_what_waits(steps: Steps) -> None:
    await steps.publish(WAIT, MAIL)
    id = await steps.trigger([f"p{n}" for n in range(25)])
    other = await steps.trigger()
    await steps.cancel(id)
    assert await steps.sweeping.run_once() == 1
    runs = await steps.pool.fetch("SELECT status, count(*) AS n FROM run WHERE trigger_id = $1 GROUP BY 1", id)
    assert [tuple(row) for row in runs] == [("cancelled", 25)]
    assert await _waiting(steps) == 1
    await steps.assert_well()
    assert await steps.time_comes() == 1
    assert await steps.messages(id) == []
    assert len(await steps.messages(other)) == 1


async def test_a_cancel_is_seen_by_whoever_holds_the_run(steps: Steps) -> None:
    """The sweep leaves leased jobs to their holder, who reads the tombstone before the run goes on."""
    await steps.publish(WAIT, MAIL)
    id = await steps.trigger(["ana", "ben"])
    await steps.pool.execute("UPDATE job SET run_at = clock_timestamp() WHERE queue = $1", WAITING)
    async with steps.pool.acquire() as connection:
        jobs = await Claimer(WAITING, worker="w", lease=PACE.lease).claim(connection, 10)
    assert len(jobs) == 2
    await steps.cancel(id)
    await steps.sweeping.run_once()
    assert await steps.pool.fetchval("SELECT count(*) FROM run WHERE status = 'running'") == 2
    await steps.advance(jobs)
    assert await steps.pool.fetchval("SELECT count(*) FROM run WHERE status = 'cancelled'") == 2
    assert await steps.messages(id) == []
    assert await _waiting(steps) == 0
    assert await steps.pool.fetchval("SELECT count(*) FROM job") == 0
    await steps.assert_well()


async def test_whoever_lost_the_lease_does_nothing(steps: Steps) -> None:
    await steps.publish(WAIT, MAIL)
    id = await steps.trigger(["ana", "ben"])
    await steps.pool.execute("UPDATE job SET run_at = clock_timestamp() WHERE queue = $1", WAITING)
    claimer = Claimer(WAITING, worker="w", lease=PACE.lease)
    async with steps.pool.acquire() as connection:
        first = await claimer.claim(connection, 10)
        await settle.release(connection, first[:1])
        second = await claimer.claim(connection, 10)
    assert [job.id for job in second] == [first[0].id]
    await steps.advance(first)
    assert len(await steps.messages(id)) == 1
    await steps.advance(second)
    await steps.advance(first)
    await steps.advance(second)
    assert len(await steps.messages(id)) == 2
    assert await _waiting(steps) == 0
    await steps.assert_well()


async def test_two_who_move_the_last_two_let_it_complete(steps: Steps) -> None:
    """Neither sees the other's move; nor does it hang where both died before they could say so."""
    await steps.publish(WAIT, MAIL)
    id = await steps.trigger(["ana", "ben"])
    await steps.pool.execute("UPDATE job SET run_at = clock_timestamp() WHERE queue = $1", WAITING)
    async with steps.pool.acquire() as connection:
        jobs = await Claimer(WAITING, worker="w", lease=PACE.lease).claim(connection, 10)
    await asyncio.gather(*(steps.advance([job]) for job in jobs))
    assert await steps.pool.fetchval("SELECT waits FROM trigger WHERE id = $1", id) is False
    await steps.pool.execute("UPDATE trigger SET waits = true")  # as if none of them had come to it
    await steps.end_messages()
    assert await steps.status(id) == "completed"


async def test_what_kills_workers_is_put_away_and_can_be_redriven(steps: Steps) -> None:
    await steps.publish(WAIT, MAIL)
    id = await steps.trigger()
    await steps.pool.execute("UPDATE job SET rescues = 3")
    await steps.time_comes()
    assert await steps.run(id) == ("running", 0)
    await steps.assert_well()
    async with steps.pool.acquire() as connection:
        ((stands, queue, reason),) = await verify_stuck.stuck(connection)
        assert (stands, queue) == (id, WAITING)
        assert reason.startswith("quarantined")
        assert len((await buried.redrive(connection, WAITING)).ready) == 1
    assert await steps.time_comes() == 1
    assert await steps.messages(id) == [("ana", 1, "queued", None)]


async def test_retention_leaves_what_waits_alone(steps: Steps) -> None:
    """The week of a run that waits stays, and a trigger stays as long as what came of it, however old it is."""
    old = datetime(2026, 1, 7, tzinfo=UTC)
    async with steps.pool.acquire() as connection:
        await partitions.ensure(connection, old)
        run, trigger = ids.first_at(old), ids.first_at(old + timedelta(seconds=1))
        await connection.execute(
            "INSERT INTO run VALUES ($1, $2, $3, $2, 'ana', 0, 'running')", run, steps.tenant_id, trigger
        )
        await connection.execute(
            "INSERT INTO trigger (id, tenant_id, workflow_key, workflow_version_id, status, priority, recipient_ids,"
            " topic_keys, payload, metadata, expires_at, completed_at)"
            " VALUES ($1, $2, 'w', $2, 'completed', 2, '{}', '{}', '{}', '{}', now(), now())",
            *(trigger, steps.tenant_id),
        )
        assert not [name for name in (await partitions.drop(connection, 30 * 24 * HOUR))[0] if name.endswith("w02")]
        assert await retention.prune_triggers(connection, 30 * 24 * HOUR) == 0
        await connection.execute("UPDATE run SET status = 'completed'")
        await connection.execute("UPDATE trigger SET completed_at = now() - interval '31 days'")
        assert "run_2026_w02" in (await partitions.drop(connection, 30 * 24 * HOUR))[0]
        assert await retention.prune_triggers(connection, 30 * 24 * HOUR) == 1


async def test_ten_thousand_at_once(steps: Steps) -> None:
    """All go on, each once, in lists; two work side by side, as in a worker."""
    people = [f"p{n:05}" for n in range(10_000)]
    await steps.publish(MAIL, WAIT, LATE)
    await steps.topic("all", people)
    id = await steps.trigger([], topics={"all": "/recipients/0/topic"})
    assert await _waiting(steps) == 10_000
    await steps.pool.execute("UPDATE job SET run_at = clock_timestamp() WHERE queue = $1", WAITING)
    claimer = Claimer(WAITING, worker="w", lease=PACE.lease)
    began = time.monotonic()

    async def work() -> None:
        while True:
            async with steps.pool.acquire() as connection:
                jobs = await claimer.claim(connection, 500)
            if not jobs:
                return
            await steps.advance(jobs)

    await asyncio.gather(work(), work())
    print(f"10,000 runs went on in {time.monotonic() - began:.1f} s")
    counts = await steps.pool.fetch(
        "SELECT step, count(*) AS n, count(DISTINCT recipient_id) AS people FROM message WHERE trigger_id = $1"
        " GROUP BY step ORDER BY step",
        id,
    )
    assert [tuple(row) for row in counts] == [(0, 10_000, 10_000), (2, 10_000, 10_000)]
    assert await _waiting(steps) == 0
    await steps.assert_well()
