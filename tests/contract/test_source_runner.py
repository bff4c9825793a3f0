"""Running a source: what breaks is opened anew, nothing is acknowledged before its commit, nothing acts twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from tests.support.ingest import Greets, Intake, make_intake, message, messages
from tests.support.wait import wait_until

from clarion.brokers.base import Delivery, Disconnected, Source
from clarion.brokers.memory import MemoryQueue, MemorySource
from clarion.domain.event import Event
from clarion.domain.standing import Standing
from clarion.errors import ConfigError
from clarion.flows.ingest import Answer
from clarion.flows.ingest_bugs import WAITS
from clarion.flows.verify import verify
from clarion.store.database import Pool, open_pool
from clarion.worker.rhythm import Rhythm
from clarion.worker.source_runner import SourceRunner
from clarion.worker.source_view import SourceView

QUICK = Rhythm(
    answer_within=timedelta(seconds=0.3),
    check_every=timedelta(seconds=0.02),
    keep_every=timedelta(seconds=0.02),
    first_pause=timedelta(seconds=0.01),
    longest_pause=timedelta(seconds=0.1),
    follow_every=timedelta(seconds=0.01),
    follow_to_the_end=timedelta(seconds=0.1),
)


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    pool = await open_pool(database, size=6, statement_timeout_s=10, application_name="test")
    async with pool:
        yield pool


@pytest.fixture
async def intake(pool: Pool) -> Intake:
    return await make_intake(pool)


@dataclass(kw_only=True)
class Stage:
    """A queue, the sources that were made for it, and how triggers are said to stand."""

    intake: Intake
    queue: MemoryQueue = field(default_factory=MemoryQueue)
    made: list[MemorySource] = field(default_factory=list)
    standings: dict[UUID, Standing] = field(default_factory=dict)
    kind: type[MemorySource] = MemorySource
    fields: dict[str, Any] = field(default_factory=dict)

    def make(self) -> Source:
        self.made.append(self.kind(self.queue, name=self.intake.origin.source, **self.fields))
        return self.made[-1]

    async def look(self, ids: Collection[UUID]) -> Mapping[UUID, Standing]:
        return {id: self.standings.get(id, Standing(ended=False)) for id in ids}

    @asynccontextmanager
    async def running(
        self, *, worker: str = "w1", rhythm: Rhythm = QUICK, take: Any = None
    ) -> AsyncIterator[SourceView]:
        """A runner at work; stopped, in good order, at the end."""
        ingest = self.intake.ingest(worker)

        async def take_in(deliveries: Sequence[Delivery]) -> list[Answer]:
            return await ingest(self.intake.origin, self.intake.bindings, deliveries)

        view = SourceView(self.intake.origin)
        runner = SourceRunner(self.make, take or take_in, self.look, view=view, rhythm=rhythm)
        stopping = asyncio.Event()
        task = asyncio.create_task(runner.run(stopping))
        try:
            yield view
        finally:
            stopping.set()
            async with asyncio.timeout(5):
                await task

    async def all_acked(self, count: int) -> None:
        await wait_until(lambda: len(set(self.queue.acked)) >= count, what=f"{count} messages are acknowledged")


@pytest.fixture
def stage(intake: Intake) -> Stage:
    return Stage(intake=intake)


async def is_well(stage: Stage, count: int) -> None:
    assert await stage.intake.count("trigger") == count
    async with stage.intake.pool.acquire() as connection:
        assert await verify(connection) == []


async def test_what_comes_is_taken_in_and_acknowledged(stage: Stage) -> None:
    stage.queue.put([*messages(250), message("bad", raw=b"{")])
    async with stage.running() as view:
        await stage.all_acked(250)
        await wait_until(lambda: stage.queue.failed, what="the bad one is told to the broker")
        sign = view.sign()
    assert stage.queue.failed["m-bad"].startswith("invalid_json: ")
    assert (sign.state, sign.accepted, sign.repeated, sign.quarantined) == ("connected", 250, 0, 1)
    assert (view.state, view.in_hand) == ("stopped", 0)
    await is_well(stage, 250)


async def test_everything_delivered_twice_makes_nothing_new(stage: Stage) -> None:
    stage.queue.put(messages(100))
    async with stage.running():
        await stage.all_acked(100)
        stage.queue.put_back(messages(100))
        await wait_until(lambda: len(stage.queue.acked) == 200, what="all are acknowledged again")
    await is_well(stage, 100)


async def test_two_workers_and_cuts_at_every_moment(stage: Stage) -> None:
    """Connections are cut all the time, between commit and acknowledgement too: nothing is lost, nothing doubled."""

    class CutAtAck(MemorySource):
        acks = 0

        async def ack(self, deliveries: Sequence[Delivery]) -> None:
            CutAtAck.acks += 1
            if CutAtAck.acks % 3 == 0:
                self.cut()
            await super().ack(deliveries)

    stage.kind, stage.fields = CutAtAck, {"prefetch": 17}
    stage.queue.put(messages(400))
    async with stage.running(), stage.running(worker="w2"):
        await stage.all_acked(400)
    assert len(stage.made) > 4
    assert await stage.intake.count("inbound_suspect") == 0
    await is_well(stage, 400)


async def test_never_more_in_hand_than_the_source_hands_over(stage: Stage) -> None:
    """A database that is slow holds the broker back: what waits, waits there."""
    held = asyncio.Event()
    seen: list[int] = []
    ingest = stage.intake.ingest()

    async def slow(deliveries: Sequence[Delivery]) -> list[Answer]:
        seen.append(len(stage.made[-1].in_hand))
        await held.wait()
        return await ingest(stage.intake.origin, stage.intake.bindings, deliveries)

    stage.fields = {"prefetch": 20}
    stage.queue.put(messages(500))
    async with stage.running(take=slow):
        await wait_until(lambda: seen, what="the first are in hand")
        assert (len(stage.made[-1].in_hand), len(stage.queue)) == (20, 480)
        held.set()
        await stage.all_acked(500)
    assert max(seen) == 20


async def test_a_database_that_is_away_gets_nothing_acknowledged(stage: Stage) -> None:
    away = True
    ingest = stage.intake.ingest()

    async def take(deliveries: Sequence[Delivery]) -> list[Answer]:
        if away:
            raise ConnectionRefusedError("the database is away")
        return await ingest(stage.intake.origin, stage.intake.bindings, deliveries)

    stage.queue.put(messages(10))
    async with stage.running(take=take) as view:
        await wait_until(lambda: view.trouble, what="the trouble is seen")
        assert view.state == "connected"
        assert "the database is away" in (view.trouble or "")
        assert stage.queue.acked == []
        away = False
        await stage.all_acked(10)
        assert view.trouble is None
    assert len(stage.made) == 1, "the source was kept open"
    await is_well(stage, 10)


async def test_what_meets_a_bug_of_ours_is_given_back_for_a_while_and_then_put_aside(stage: Stage) -> None:
    given_back: list[timedelta | None] = []

    class Notes(MemorySource):
        async def nack(self, deliveries: Sequence[Delivery], *, after: timedelta | None = None) -> None:
            given_back.append(after)
            await super().nack(deliveries, after=after)

    def stumble(event: Event) -> None:
        if event.id == "m-3":
            raise TypeError("a bug")

    stage.kind, stage.intake.bindings = Notes, [Greets(stumble)]
    stage.queue.put(messages(6))
    async with stage.running() as view:
        await stage.all_acked(5)
        await wait_until(lambda: stage.queue.failed, what="it is put aside after its last try")
        sign = view.sign()
    assert given_back == list(WAITS)
    assert stage.queue.failed["m-3"].startswith("bug: Clarion itself is wrong")
    assert (sign.accepted, sign.repeated, sign.quarantined) == (5, 0, 1)
    await is_well(stage, 5)


async def test_a_stop_while_the_database_is_away_gives_everything_back(stage: Stage) -> None:
    async def take(deliveries: Sequence[Delivery]) -> list[Answer]:
        raise ConnectionRefusedError

    stage.queue.put(messages(10))
    async with stage.running(take=take) as view:
        await wait_until(lambda: view.trouble, what="the trouble is seen")
    assert (len(stage.queue), stage.queue.acked) == (10, [])
    async with stage.running(worker="w2"):
        await stage.all_acked(10)
    await is_well(stage, 10)


async def test_a_broker_that_is_away_is_tried_again(stage: Stage) -> None:
    class Away(MemorySource):
        async def open(self) -> None:
            if len(stage.made) < 4:
                raise (Disconnected, ConfigError, OSError)[len(stage.made) - 1]("nobody listens")
            await super().open()

    stage.kind = Away
    stage.queue.put(messages(3))
    async with stage.running() as view:
        await wait_until(lambda: view.state == "away", what="it is away")
        assert "nobody listens" in (view.trouble or "")
        await stage.all_acked(3)
        assert (view.state, view.trouble) == ("connected", None)
    await is_well(stage, 3)


async def test_a_consumer_that_the_broker_forgot_is_replaced(stage: Stage) -> None:
    """Connected, and nothing comes: asked, the broker knows nothing of it; or it does not answer at all."""

    class Deaf(MemorySource):
        async def batches(self) -> AsyncIterator[Sequence[Delivery]]:
            if len(stage.made) < 3:
                await asyncio.Event().wait()
            async for batch in super().batches():
                yield batch

        async def check(self) -> None:
            if len(stage.made) == 1:
                raise Disconnected("there is no such consumer")
            if len(stage.made) == 2:
                await asyncio.Event().wait()

    stage.kind = Deaf
    stage.queue.put(messages(5))
    async with stage.running():
        await stage.all_acked(5)
    await is_well(stage, 5)


async def test_a_consumer_that_hears_nothing_for_long_is_replaced(stage: Stage) -> None:
    """Though the broker says that all is well."""

    class Deaf(MemorySource):
        async def batches(self) -> AsyncIterator[Sequence[Delivery]]:
            if len(stage.made) < 2:
                await asyncio.Event().wait()
            async for batch in super().batches():
                yield batch

    stage.kind = Deaf
    stage.queue.put(messages(5))
    async with stage.running(rhythm=replace(QUICK, quiet_for=timedelta(seconds=0.1))) as view:
        await stage.all_acked(5)
        assert view.trouble is None
    await is_well(stage, 5)


async def test_an_acknowledgement_that_hangs_ends_the_connection(stage: Stage) -> None:
    class Hangs(MemorySource):
        async def ack(self, deliveries: Sequence[Delivery]) -> None:
            if len(stage.made) < 2:
                await asyncio.Event().wait()
            await super().ack(deliveries)

    stage.kind = Hangs
    stage.queue.put(messages(5))
    async with stage.running():
        await stage.all_acked(5)
    await is_well(stage, 5)


async def test_the_broker_is_told_that_work_goes_on(stage: Stage) -> None:
    kept: list[set[str]] = []
    held = asyncio.Event()
    ingest = stage.intake.ingest()

    class Keeps(MemorySource):
        async def keep(self, deliveries: Sequence[Delivery]) -> None:
            kept.append({one.id for one in deliveries})

    async def slow(deliveries: Sequence[Delivery]) -> list[Answer]:
        await held.wait()
        return await ingest(stage.intake.origin, stage.intake.bindings, deliveries)

    stage.kind = Keeps
    stage.queue.put(messages(3))
    async with stage.running(take=slow):
        await wait_until(lambda: len(kept) > 2, what="it was told more than once")
        held.set()
        await stage.all_acked(3)
    assert kept[0] == {"m-0", "m-1", "m-2"}


async def triggers_of(stage: Stage) -> dict[str, UUID]:
    rows = await stage.intake.pool.fetch("SELECT message_id, triggers[1] AS id FROM inbound")
    return {row["message_id"]: row["id"] for row in rows}


async def test_what_is_followed_is_acknowledged_when_it_has_ended_well(stage: Stage) -> None:
    stage.fields = {"follows": True}
    stage.queue.put([*messages(3), message("none", {"to": []})])
    async with stage.running() as view:
        await wait_until(lambda: stage.queue.acked == ["m-none"], what="what became nothing is done with at once")
        ids = await triggers_of(stage)
        stage.standings[ids["m-0"]] = Standing(ended=False, messages=4, done=1)
        await wait_until(lambda: stage.queue.progress.get("m-0") == 25, what="its progress is told")
        assert view.in_hand == 3
        stage.standings[ids["m-0"]] = Standing(ended=True, messages=4, done=4)
        stage.standings[ids["m-1"]] = Standing(ended=True, messages=4, done=4, failed=1, reason="550 no such user")
        await wait_until(lambda: "m-0" in stage.queue.acked and stage.queue.failed, what="both are told")
    assert stage.queue.failed == {"m-1": "1 of 4 messages failed: 550 no such user"}
    assert len(stage.queue) == 1, "what has not ended is given back at a stop"


async def test_what_is_taken_up_again_is_followed_on(stage: Stage) -> None:
    """By another worker: it finds the trigger of the first time."""
    stage.fields = {"follows": True}
    stage.queue.put(messages(2))
    async with stage.running():
        await wait_until(lambda: triggers_of(stage), what="they are taken in")
    assert len(stage.queue) == 2
    ids = await triggers_of(stage)
    async with stage.running(worker="w2"):
        stage.standings = {id: Standing(ended=True, messages=1, done=1) for id in ids.values()}
        await stage.all_acked(2)
    await is_well(stage, 2)
