"""A job under a runner, as Node sees it: active with its progress moving until what it caused has ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import NAMESPACE_OID, UUID, uuid4, uuid5

from tests.support.bullmq import Queue
from tests.support.wait import wait_until

from clarion.brokers.base import Delivery
from clarion.domain.standing import Standing
from clarion.flows.ingest import Answer, Outcome
from clarion.flows.reading import Origin
from clarion.worker.rhythm import Rhythm
from clarion.worker.source_runner import SourceRunner
from clarion.worker.source_view import SourceView

RHYTHM = Rhythm(
    check_every=timedelta(seconds=0.05),
    keep_every=timedelta(seconds=0.05),
    first_pause=timedelta(seconds=0.05),
    follow_every=timedelta(seconds=0.05),
    follow_to_the_end=timedelta(seconds=0.1),
)


class Followed:
    """Takes every job in, as one trigger by its delivery's id; how triggers stand is set by the test."""

    def __init__(self, queue: Queue) -> None:
        self.queue = queue
        self.taken: list[Delivery] = []
        self.standings: dict[UUID, Standing] = {}

    async def take(self, deliveries: Sequence[Delivery]) -> list[Answer]:
        answers = []
        for one in deliveries:
            again = any(one.id == other.id for other in self.taken)
            outcome = Outcome.REPEATED if again else Outcome.ACCEPTED
            answers.append(Answer(outcome=outcome, triggers=[self.trigger(one)]))
        self.taken += deliveries
        return answers

    async def look(self, ids: Collection[UUID]) -> Mapping[UUID, Standing]:
        return {id: self.standings.get(id, Standing(ended=False)) for id in ids}

    @staticmethod
    def trigger(delivery: Delivery) -> UUID:
        return uuid5(NAMESPACE_OID, delivery.id)

    def stands(self, subject: str, standing: Standing) -> None:
        """From now on the trigger of the job of this name stands so."""
        [delivery] = {one.id: one for one in self.taken if one.subject == subject}.values()
        self.standings[self.trigger(delivery)] = standing

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        source = self.queue.source().name
        view = SourceView(Origin(tenant_id=uuid4(), source=source, number=1))
        runner = SourceRunner(self.queue.source, self.take, self.look, view=view, rhythm=RHYTHM)
        stopping = asyncio.Event()
        task = asyncio.create_task(runner.run(stopping))
        try:
            yield
        finally:
            stopping.set()
            async with asyncio.timeout(20):
                await task

    async def until_taken(self, count: int) -> None:
        await wait_until(lambda: len(self.taken) >= count, 20, f"{count} jobs are taken in")


async def test_a_job_is_active_and_moves_until_its_trigger_has_ended(either: Queue) -> None:
    followed = Followed(either)
    well, badly = [await either.node("add", name, {}, {"attempts": 3}) for name in ("well", "badly")]
    async with followed.running():
        await followed.until_taken(2)
        for done in (3, 6):
            followed.stands("well", Standing(ended=False, messages=10, done=done))

            async def has_come(percent: int = 10 * done) -> bool:
                job = await either.node("job", well)
                return (job["state"], job["progress"]) == ("active", percent)

            await wait_until(has_come, 20, f"{done} of ten are seen")
        assert await either.counts() == {"active": 2}
        followed.stands("well", Standing(ended=True, messages=10, done=10))
        followed.stands("badly", Standing(ended=True, messages=2, done=2, failed=1, reason="550 no such user"))
        await either.until_counts(completed=1, failed=1)
    [failed] = await either.node("failed")
    assert (failed["id"], failed["failedReason"]) == (badly, "1 of 2 messages failed: 550 no such user")
    assert len(followed.taken) == 2


async def test_a_runner_that_stops_leaves_the_job_to_the_next(queue: Queue) -> None:
    followed = Followed(queue)
    await queue.node("add", "mail", {}, {})
    async with followed.running():
        await followed.until_taken(1)
    assert await queue.counts() == {"delayed": 1}
    async with followed.running():
        await followed.until_taken(2)
        followed.stands("mail", Standing(ended=True, messages=1, done=1))
        await queue.until_counts(completed=1)
    assert len({one.id for one in followed.taken}) == 1


async def test_a_runner_whose_connections_are_cut_follows_on(queue: Queue) -> None:
    followed = Followed(queue)
    await queue.node("add", "mail", {}, {})
    async with followed.running():
        await followed.until_taken(1)
        await queue.cut("test")
        await followed.until_taken(2)
        followed.stands("mail", Standing(ended=True, messages=1, done=1))
        await queue.until_counts(completed=1)
    assert len({one.id for one in followed.taken}) == 1
