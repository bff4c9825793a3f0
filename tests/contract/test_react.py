"""Bindings that hear of what happens in Clarion itself: told in its transaction, done once, or buried with a reason."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.support.house import House, open_house
from tests.support.project import build
from tests.support.smtp_faults import Fault
from tests.support.wait import wait_until

from clarion import clock, ids
from clarion.domain.action import CancelTimer
from clarion.domain.binding import Binding
from clarion.domain.own_event import OwnEvent
from clarion.flows.act import Act
from clarion.flows.apply import apply_bindings
from clarion.flows.bindings import Bindings
from clarion.flows.definitions import Definitions
from clarion.flows.hearing import QUEUE, Hearing
from clarion.flows.react import React
from clarion.flows.slots import Slots
from clarion.flows.timers import NewTimer, set_timers
from clarion.queue import buried
from clarion.queue.claim import Claimer
from clarion.queue.job import Job
from clarion.store import tenants
from clarion.store.database import Pool, open_pool

#: Each event leaves a timer that says what was heard.
NOTE = """on: {on}
do:
  - timer.set:
      key: "{key}"
      at: now + duration('1h')
      metadata: {{type: event.type, id: event.id, source: event.source, data: data}}
      do: [{{timer.cancel: {{key: x}}}}]
"""
WHO = "{{ data.message.channel }}-{{ data.message.recipient }}"
FILES = {
    "bindings/sent.yaml": NOTE.format(on="{message.sent: {workflow: hello}}", key=f"sent-{WHO}"),
    "bindings/delivered.yaml": NOTE.format(on="message.delivered", key=f"delivered-{WHO}"),
    "bindings/failed.yaml": NOTE.format(on="message.failed", key=f"failed-{WHO}"),
    "bindings/failed-in-app.yaml": NOTE.format(on="{message.failed: {channel: in_app}}", key=f"never-{WHO}"),
    "bindings/other.yaml": NOTE.format(on="{message.sent: {workflow: other}}", key=f"never-{WHO}"),
    "bindings/completed.yaml": NOTE.format(on="trigger.completed", key="completed-{{ data.trigger.transaction_id }}"),
    "bindings/fired.yaml": NOTE.format(on="timer.fired", key="fired-{{ data.timer.key }}"),
    "bindings/buried.yaml": NOTE.format(on="{job.failed: {queue: timers}}", key="buried-{{ data.job.key }}"),
    "workflows/other.yaml": "steps:\n  - channel: in_app\n",
    "templates/other/in_app.txt": "---\ntitle: Hello\n---\nHello!\n",
}


async def _heard(house: House, keys: set[str]) -> dict[str, Any]:
    """What was heard, by the keys of the timers that it left."""
    rows: dict[str, Any] = {}

    async def all_there() -> bool:
        rows.update({row["key"]: row["metadata"] for row in await house.api.pool.fetch("SELECT * FROM timer")})
        return keys <= rows.keys()

    await wait_until(all_there, 20, f"{keys} to be heard of")
    return rows


async def test_what_happens_is_heard(database: str, tmp_path: Path) -> None:
    faults = [Fault(at="rcpt", do="reply", code=550, times=1)]
    async with open_house(database, project=build(tmp_path, FILES), faults=faults) as house:
        people = [{"id": "eve", "name": "Eve", "email": "eve@example.com"}]
        given: dict[str, object] = {
            "recipients": people,
            "transaction_id": "o-1",
            "metadata": {"order": 7},
            "payload": {"seat": "7A"},
        }
        failed = await house.trigger(given, workflow="hello")
        await _heard(house, {"failed-email-eve"})
        trigger = await house.trigger({**given, "transaction_id": "o-2"}, workflow="hello")
        async with house.api.pool.acquire() as connection, connection.transaction():
            timer = NewTimer(
                tenant_id=house.api.tenants["one"], key="t", at=clock.now(), actions=[CancelTimer(key="x")]
            )
            await set_timers(connection, [timer])
        keys = {"sent-email-eve", "delivered-in_app-eve", "failed-email-eve", "completed-o-2", "fired-t"}
        rows = await _heard(house, keys)
        assert not [key for key in rows if key.startswith(("never", "buried"))]
        sent = rows["sent-email-eve"]
        assert (sent["type"], sent["source"], sent["id"][:4]) == ("message.sent", "clarion", "evt_")
        message = (await house.messages(trigger))["eve", "email"]
        said = sent["data"]["message"]
        assert (said["id"], said["status"], said["workflow"], said["attempts"]) == (message["id"], "sent", "hello", 1)
        about = {"id": trigger, "workflow": "hello", "transaction_id": "o-2", "metadata": {"order": 7}}
        assert sent["data"]["trigger"] == {**about, "payload": {"seat": "7A"}}
        why = rows["failed-email-eve"]["data"]
        assert (why["message"]["status"], why["trigger"]["id"]) == ("failed", failed)
        assert "550" in why["message"]["reason"]
        counts = rows["completed-o-2"]["data"]["trigger"]["counts"]
        assert (counts["email"]["sent"], counts["in_app"]["delivered"]) == (1, 1)
        assert rows["fired-t"]["data"]["timer"]["key"] == "t"
        assert await house.api.pool.fetchval("SELECT count(*) FROM job WHERE queue = 'react'") == 0
        await house.check()


async def test_where_nobody_listens_nothing_is_written(database: str, tmp_path: Path) -> None:
    async with open_house(database, project=build(tmp_path, {})) as house:
        await house.finished(await house.trigger({"recipients": [{"id": "a", "email": "a@b.example"}]}, "hello"))
        assert await house.api.pool.fetchval("SELECT count(*) FROM job_tally WHERE queue = 'react'") == 0


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    pool = await open_pool(database, size=3, statement_timeout_s=10, application_name="test")
    async with pool:
        yield pool


@pytest.fixture
async def tenant(pool: Pool) -> UUID:
    async with pool.acquire() as connection:
        return await tenants.ensure(connection, "one")


class _Scene:
    """A tenant whose bindings hear of jobs that were buried."""

    def __init__(self, pool: Pool, tenant: UUID) -> None:
        self.pool = pool
        self.tenant = tenant
        self.bindings = Bindings(pool)
        self.rung: list[str] = []
        self.hearing = Hearing(self.bindings, wake=self.rung.append)
        act = Act(Definitions())
        self.react = React(pool, self.bindings, act, wake=self.rung.append, slots=Slots())

    async def publish(self, **do: Sequence[Any]) -> None:
        wanted = [Binding(key=key, on=OwnEvent(type="job.failed"), do=actions) for key, actions in do.items()]
        async with self.pool.acquire() as connection:
            await apply_bindings(connection, self.tenant, wanted)
        await self.bindings.refresh()

    async def happen(self, count: int = 1, tenant: UUID | None = None) -> None:
        """So many jobs are buried, of which bindings hear."""
        jobs = [self._job(id, tenant or self.tenant) for id in ids.new_many(count)]
        async with self.pool.acquire() as connection, connection.transaction():
            await self.hearing.buried(connection, dict.fromkeys(jobs, "it broke"), set())

    def _job(self, id: UUID, tenant: UUID) -> Job:
        return Job(id, tenant, "email", "deliver", 2, 0, clock.now(), 8, 0, 1, 0, None, None, None)

    async def claim(self) -> list[Job]:
        async with self.pool.acquire() as connection:
            claimer = Claimer(QUEUE, worker="w", lease=timedelta(seconds=60))
            return await claimer.claim(connection, 100)

    async def timers(self) -> set[str]:
        return {row["key"] for row in await self.pool.fetch("SELECT key FROM timer WHERE tenant_id = $1", self.tenant)}

    async def buried(self) -> dict[str, str]:
        rows = await self.pool.fetch("SELECT args, error FROM job_buried WHERE queue = 'react'")
        return {row["args"]["binding"]: row["error"] for row in rows}

    async def waiting(self) -> int:
        count: int = await self.pool.fetchval("SELECT count(*) FROM job WHERE queue = 'react'")
        return count


@pytest.fixture
def scene(pool: Pool, tenant: UUID) -> _Scene:
    return _Scene(pool, tenant)


def _set(key: str) -> dict[str, Any]:
    return {"timer.set": {"key": key, "at": "now + duration('1h')", "do": [{"timer.cancel": {"key": "x"}}]}}


def _trigger(workflow: str) -> dict[str, Any]:
    return {"trigger": {"workflow": workflow, "recipients": [{"id": "'ana'"}]}}


async def test_a_binding_that_fails_leaves_nothing_and_the_others_be(scene: _Scene) -> None:
    await scene.publish(
        good=[_set("good-{{ data.job.id }}")],
        unknown=[_set("bad-1"), _trigger("nothing")],
        missing=[_set("bad-2"), {"timer.cancel": {"key": "{{ data.nope }}"}}],
    )
    await scene.happen(2)
    assert await scene.waiting() == 6
    await scene.react(await scene.claim())
    timers = await scene.timers()
    assert len(timers) == 2
    assert all(key.startswith("good-job_") for key in timers)
    assert await scene.pool.fetchval("SELECT count(*) FROM recipient") == 0
    reasons = await scene.buried()
    assert reasons["unknown"].startswith("not_found: There is no workflow 'nothing'")
    assert reasons["missing"].startswith("missing_variables: binding missing: /do/1/timer.cancel/key: ")
    assert await scene.waiting() == 0
    # Of what is heard of one's own failures nothing is told: it would never end.
    await scene.publish(good=[_set("mended-{{ data.job.id }}")], unknown=[_set("mended")])
    async with scene.pool.acquire() as connection:
        redriven = await buried.redrive(connection, QUEUE)
    assert len(redriven.ready) == 4
    await scene.react(await scene.claim())
    assert "mended" in await scene.timers()
    assert await scene.waiting() == 0
    assert len(await scene.buried()) == 0


async def test_a_job_that_somebody_else_has_by_now_is_not_done(scene: _Scene) -> None:
    await scene.publish(good=[_set("{{ data.job.id }}")])
    await scene.happen(2)
    jobs = await scene.claim()
    await scene.pool.execute("UPDATE job SET fence = fence + 1 WHERE id = $1", jobs[0].id)
    await scene.react(jobs)
    assert len(await scene.timers()) == 1
    assert await scene.waiting() == 1


async def test_two_at_once_do_it_once(scene: _Scene) -> None:
    await scene.publish(good=[_set("{{ data.job.id }}")])
    await scene.happen(20)
    jobs = await scene.claim()
    await asyncio.gather(scene.react(jobs), scene.react(jobs))
    assert await scene.pool.fetchval("SELECT count(*) FROM timer WHERE rev = 1") == 20


async def test_a_binding_that_is_gone_says_nothing(scene: _Scene) -> None:
    await scene.publish(good=[_set("a")])
    await scene.happen()
    await scene.publish()
    await scene.react(await scene.claim())
    assert (await scene.timers(), await scene.waiting(), await scene.buried()) == (set(), 0, {})


async def test_a_worker_that_has_not_heard_of_a_binding_looks_again(scene: _Scene) -> None:
    """Another one has, and wrote the job."""
    await scene.publish(good=[_set("a")])
    await scene.happen()
    late = React(scene.pool, Bindings(scene.pool), Act(Definitions()), wake=scene.rung.append, slots=Slots())
    await late(await scene.claim())
    assert await scene.timers() == {"a"}


async def test_only_its_own_tenant_hears(scene: _Scene) -> None:
    async with scene.pool.acquire() as connection:
        other = await tenants.ensure(connection, "two")
    await scene.publish(good=[_set("a")])
    await scene.happen(tenant=other)
    assert await scene.waiting() == 0
    await scene.happen()
    assert await scene.waiting() == 1


async def test_what_is_told_goes_with_the_transaction(scene: _Scene) -> None:
    await scene.publish(good=[_set("a")])
    with pytest.raises(ZeroDivisionError):
        async with scene.pool.acquire() as connection, connection.transaction():
            job = scene._job(ids.new(), scene.tenant)
            await scene.hearing.buried(connection, {job: "it broke"}, set())
            raise ZeroDivisionError
    assert await scene.waiting() == 0


async def test_one_that_killed_its_workers_is_put_away(scene: _Scene) -> None:
    await scene.publish(good=[_set("a")])
    await scene.happen()
    await scene.pool.execute("UPDATE job SET rescues = 3")
    await scene.react(await scene.claim())
    assert await scene.timers() == set()
    assert list(await scene.buried()) == ["good"]
