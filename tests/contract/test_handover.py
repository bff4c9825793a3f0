"""Small expansions in one round trip, whose jobs are this worker's own at once where its consumers have room."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from uuid import UUID

import pytest
from tests.support.steps import PACE, Steps, open_steps

from clarion.domain.step import ChannelStep
from clarion.domain.workflow import Channel
from clarion.errors import LostLease
from clarion.flows.handover import Handover
from clarion.queue import control
from clarion.queue.job import Job
from clarion.store import few
from clarion.store.triggers import Expanded, Overtaken
from clarion.worker.consumer import Consumer

_JOBS = (
    "SELECT queue, state, fence, attempts, worker, lease_until > clock_timestamp() AS leased FROM job ORDER BY queue"
)


class Hands:
    """A consumer that takes whatever it is offered, or has no room."""

    def __init__(self, *, room: bool = True) -> None:
        self.has_room = room
        self.jobs: list[Job] = []

    def offer(self, jobs: Sequence[Job]) -> None:
        self.jobs += jobs


@pytest.fixture
async def steps(database: str) -> AsyncIterator[Steps]:
    async with open_steps(database) as steps:
        await steps.publish(
            ChannelStep(key="mail", channel=Channel.EMAIL, template="w/email"),
            ChannelStep(key="feed", channel=Channel.IN_APP, template="w/in_app"),
        )
        yield steps


async def _jobs(steps: Steps) -> list[tuple[object, ...]]:
    return [tuple(row) for row in await steps.pool.fetch(_JOBS)]


async def test_jobs_of_a_lone_trigger_are_this_workers_at_once(steps: Steps) -> None:
    email, in_app = Hands(), Hands(room=False)
    steps.handover.takers = {"email": email, "in_app": in_app}
    id = await steps.trigger()
    assert await _jobs(steps) == [("email", 1, 1, 1, "w", True), ("in_app", 0, 0, 0, None, None)]
    (job,) = email.jobs
    row = await steps.pool.fetchrow("SELECT * FROM job WHERE queue = 'email'")
    assert row is not None
    assert job == Job(*(row[name] for name in Job._fields))
    assert "in_app" in steps.rung and "email" not in steps.rung  # nobody need look for what is given
    assert await steps.status(id) == "running"
    await steps.assert_well()


async def test_a_paused_queue_takes_nothing_past_its_pause(steps: Steps) -> None:
    email = Hands()
    steps.handover.takers = {"email": email}
    async with steps.pool.acquire() as connection:
        await control.pause(connection, "email")
    await steps.trigger()
    assert email.jobs == [] and "email" in steps.rung
    assert {state for _, state, *_ in await _jobs(steps)} == {0}


async def test_many_are_left_to_be_claimed(steps: Steps) -> None:
    email = Hands()
    steps.handover.takers = {"email": email}
    await steps.trigger([f"p{number}" for number in range(few.FEW + 1)])
    assert email.jobs == [] and "email" in steps.rung
    assert {state for _, state, *_ in await _jobs(steps)} == {0}
    await steps.assert_well()


async def test_a_consumer_handles_what_it_is_offered_and_gives_back_what_it_cannot(steps: Steps) -> None:
    seen: list[UUID] = []
    stopping = asyncio.Event()

    async def handle(jobs: Sequence[Job]) -> None:
        seen.extend(job.id for job in jobs)
        stopping.set()

    consumer = Consumer(steps.pool, "email", {"deliver": handle}, worker="w", pace=PACE, called=asyncio.Event())
    steps.handover.takers = {"email": consumer}
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        tasks.create_task(consumer.run(stopping, timedelta(seconds=5)))
        await asyncio.sleep(0)
        await steps.trigger()
    ids = [row["id"] for row in await steps.pool.fetch("SELECT id FROM job WHERE queue = 'email'")]
    assert seen == ids
    assert not consumer.has_room  # it has stopped: nothing more is added as its own
    await steps.trigger(["ben"])
    assert await steps.pool.fetchval("SELECT count(*) FROM job WHERE queue = 'email' AND state = 0") == 1


async def _expand(steps: Steps, id: UUID, fence: int, behind: str = "") -> set[UUID]:
    page = Expanded(id=id, behind=behind, cursor="ana", more=1, last=True, waits=False)
    async with steps.pool.acquire() as connection:
        return await few.expand(
            connection,
            [page],
            {id: fence},
            runs=[],
            messages=[],
            jobs=[],
            claim=[],
            worker="w",
            lease=timedelta(seconds=1),
            slot=1,
        )


async def test_whoever_was_overtaken_writes_nothing(steps: Steps) -> None:
    id = await steps.accept()
    await steps.pool.execute("UPDATE job SET state = 1, fence = 3, lease_until = now() + interval '1 min'")
    with pytest.raises(LostLease):
        await _expand(steps, id, fence=2)
    with pytest.raises(Overtaken):
        await _expand(steps, id, fence=3, behind="somebody")
    assert await steps.pool.fetchval("SELECT count(*) FROM job") == 1
    assert await steps.pool.fetchval("SELECT cursor FROM trigger") == ""
    assert await _expand(steps, id, fence=3) == set()
    assert await steps.pool.fetchval("SELECT status FROM trigger") == "running"


def test_nobody_takes_where_nobody_is() -> None:
    handover = Handover("w", timedelta(seconds=1))
    assert handover.open() == [] and handover.give([]) == set()


async def test_the_first_page_is_short_so_that_its_messages_go_while_the_next_is_planned(database: str) -> None:
    async with open_steps(database, page=50, first_page=20) as steps:
        await steps.publish(ChannelStep(key="mail", channel=Channel.EMAIL, template="w/email"))
        await steps.topic("all", [f"p{number:02}" for number in range(60)])
        id = await steps.trigger([], topics={"all": "/recipients/0/topic"})
        expanded = "SELECT expanded FROM trigger WHERE id = $1"
        assert await steps.pool.fetchval(expanded, id) == 20
        assert await steps.pool.fetchval("SELECT queue FROM job WHERE id = $1", id) == "email"
        await steps.pool.execute("UPDATE job SET queue = 'expand' WHERE id = $1", id)
        await steps.expanding.run_once()
        assert await steps.pool.fetchval(expanded, id) == 60
        await steps.assert_well()
