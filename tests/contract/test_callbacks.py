"""What reports of providers do to messages: in any order, before our own record and after the end, with all that hangs
from a message.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.callbacks import MAIN, Scene, ends_as, open_scene, report, taken_as
from tests.support.house import open_house
from tests.support.queue import Rig, waiting_for_lock
from tests.support.things import publish
from tests.support.wait import wait_until

from clarion.channels.base import Report
from clarion.domain.binding import Binding
from clarion.domain.callback import TOLD
from clarion.domain.own_event import OwnEvent
from clarion.domain.status import Status
from clarion.flows.apply import apply_bindings
from clarion.flows.bindings import Bindings
from clarion.flows.callback import QUEUE, Told, take
from clarion.flows.finish import Finish
from clarion.flows.hearing import Hearing
from clarion.flows.retention import tidy
from clarion.flows.retry import retry
from clarion.store import messages
from clarion.store.database import open_pool


@pytest.fixture
async def scene(database: str) -> AsyncIterator[Scene]:
    async with open_scene(database) as scene:
        yield scene


async def test_a_late_bounce_corrects_and_nothing_goes_backwards(scene: Scene) -> None:
    made = await scene.sent(4)
    orders = [
        (made[0], ["delivered", "bounced", "sent", "failed"], ["delivered", "bounced"]),
        (made[1], ["bounced", "delivered", "sent", "failed"], ["bounced"]),
        (made[2], ["failed", "bounced", "delivered"], ["failed"]),
        (made[3], ["delivered", "failed", "sent"], ["delivered"]),
    ]
    for id, told, noted in orders:
        for status in told:
            assert (await scene.tell(report(id, status))).status == 200
        assert [kind for kind, _ in await scene.timeline(id)] == noted
        assert await scene.status(id) == noted[-1]
    assert await scene.counts(made[0]) == {"bounced": 2, "failed": 1, "delivered": 1}
    await scene.check()


async def test_the_reports_of_one_request_are_done_in_their_order(scene: Scene) -> None:
    id, other = await scene.sent(2)
    said = [
        report(id, "sent"),
        report(id, "delivered"),
        report(other, "delivered"),
        report(id, "bounced"),
        report(id, "failed"),
    ]
    assert (await scene.tell(*said)).status == 200
    assert [kind for kind, _ in await scene.timeline(id)] == ["delivered", "bounced"]
    assert await scene.counts(id) == {"bounced": 1, "delivered": 1}
    assert await scene.outcomes() == {"applied": 3, "ignored": 2}
    await scene.check()


async def test_each_part_of_what_went_in_parts_means_it(scene: Scene) -> None:
    """A text of several segments has an id for each: delivered when one is, bounced as soon as one did not arrive."""
    (job,) = await scene.sending()
    await scene.record([job], provider_id="P-1 P-2 P-3")
    for part, status in (("P-2", "delivered"), ("P-1", "delivered"), ("P-3", "bounced"), ("P-2", "delivered")):
        assert (await scene.tell({**report(job.id, status), "id": part})).status == 200
    for stranger in ("P-4", "P", "P-1 P-2", ""):
        await scene.tell({**report(job.id, "failed"), "id": stranger, "key": f"of {stranger}"})
    assert [kind for kind, _ in await scene.timeline(job.id)] == ["delivered", "bounced"]
    assert await scene.outcomes() == {"applied": 2, "ignored": 1, "orphan": 4, "repeated": 1}
    await scene.check()


async def test_after_the_end_counts_go_on_and_are_folded_again(scene: Scene) -> None:
    made = await scene.sent(5)
    assert await Finish(scene.api.pool).run_once() == 1
    assert await scene.api.pool.fetchval("SELECT count(*) FROM trigger_count") == 0
    await scene.tell(report(made[0]), report(made[1], "failed"))
    await scene.tell(report(made[2], "bounced"))
    expected = {"sent": 2, "delivered": 1, "failed": 1, "bounced": 1}
    assert await scene.counts(made[0]) == expected
    await scene.check()
    async with scene.api.pool.acquire() as connection:
        await tidy(connection)
        assert await connection.fetchval("SELECT count(*) FROM trigger_count") == 0
        stored = await connection.fetchval("SELECT counts FROM trigger")
    assert {status: n for status, n in stored["email"].items() if n} == expected
    assert set(stored["email"]) == {status.value for status in Status}
    assert await scene.counts(made[0]) == expected
    await scene.tell(report(made[3]))
    assert (await scene.counts(made[0]))["delivered"] == 2
    await scene.check()


async def test_folding_loses_nothing_while_reports_come(scene: Scene) -> None:
    made = await scene.sent(200)
    await Finish(scene.api.pool).run_once()
    done = asyncio.Event()

    async def fold() -> None:
        async with scene.api.pool.acquire() as connection:
            while not done.is_set():
                await tidy(connection)

    async def all_of_them() -> None:
        for start in range(0, 200, 20):
            await asyncio.gather(*(scene.tell(report(id)) for id in made[start : start + 20]))
        done.set()

    await asyncio.gather(fold(), all_of_them())
    assert await scene.counts(made[0]) == {"delivered": 200}
    await scene.check()


async def test_a_report_before_our_own_record_waits_as_a_job(scene: Scene) -> None:
    (job,) = jobs = await scene.sending()
    assert (await scene.tell(report(job.id, "sent"), report(job.id, "delivered"))).status == 200
    assert (await scene.tell(report(job.id, "delivered"))).status == 200, "it was sent again meanwhile"
    assert await scene.outcomes() == {"early": 2, "repeated": 1}
    assert scene.api.rung == [QUEUE]
    assert (await scene.status(job.id), await scene.waiting()) == ("sending", 2)
    await scene.look_again()
    assert (await scene.status(job.id), await scene.waiting()) == ("sending", 2), "not yet"
    await scene.record(jobs)
    await scene.look_again()
    assert (await scene.status(job.id), await scene.waiting()) == ("delivered", 0)
    assert [kind for kind, _ in await scene.timeline(job.id)] == ["delivered"]
    assert await scene.counts(job.id) == {"delivered": 1}
    await scene.check()


async def test_a_report_in_the_middle_of_our_own_record(scene: Scene) -> None:
    """The record is written and not committed: the report waits for it, and then finds the message sent."""
    (job,) = jobs = await scene.sending()
    rig = Rig(url="", pool=scene.api.pool)
    async with scene.api.pool.acquire() as recorder:
        async with recorder.transaction():
            await scene.record(jobs, recorder)
            answer = asyncio.ensure_future(scene.tell(report(job.id)))

            async def blocked() -> int | None:
                pid: int | None = await scene.api.pool.fetchval(
                    "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
                )
                return pid

            await waiting_for_lock(rig, await wait_until(blocked, what="the report waits for the record"))
            assert not answer.done()
        assert (await answer).status == 200
    assert await scene.status(job.id) == "delivered"
    assert await scene.outcomes() == {"applied": 1}
    await scene.check()


async def test_reports_and_records_race_and_none_is_lost(scene: Scene) -> None:
    jobs = await scene.sending(150)
    work: list[Any] = []
    for start in range(0, 150, 10):
        work.append(scene.record(jobs[start : start + 10]))
        work += [scene.tell(report(job.id)) for job in reversed(jobs[start : start + 10])]
    await asyncio.gather(*work)
    outcomes = await scene.outcomes()
    assert sum(outcomes.values()) == 150
    assert outcomes.keys() <= {"applied", "early"}
    assert await scene.waiting() == outcomes.get("early", 0)
    await scene.look_again()
    assert await scene.statuses() == {"delivered": 150}
    assert await scene.waiting() == 0
    assert await scene.counts(jobs[0].id) == {"delivered": 150}
    await scene.check()


async def test_a_worker_looks_again(database: str) -> None:
    async with open_house(database) as house, open_scene(database) as scene:
        (job,) = jobs = await scene.sending()
        await scene.tell(report(job.id, "bounced", reason="mailbox full"))
        await scene.record(jobs)

        async def bounced() -> bool:
            return await scene.status(job.id) == "bounced"

        await wait_until(bounced, 20, "a worker looks at the report again")
        assert await scene.timeline(job.id) == [("bounced", "mailbox full")]
        assert await scene.waiting() == 0
        await house.check()


async def test_what_nobody_knew_is_resolved(scene: Scene) -> None:
    jobs = await scene.sending(3)
    doubt = {"status": Status.UNKNOWN, "reason": "it timed out", "provider_id": None, "attempt": "uncertain"}
    await scene.record(jobs, **doubt)
    first, second, third = (job.id for job in jobs)
    await scene.tell(report(first, "sent"))
    await scene.tell(report(second, "delivered"), report(second, "bounced"))
    assert [kind for kind, _ in await scene.timeline(first)] == ["taken"]
    assert [kind for kind, _ in await scene.timeline(second)] == ["delivered", "bounced"]
    rows = await scene.api.pool.fetch(
        "SELECT m.status, m.provider_message_id, m.reason IS NOT NULL AS why, a.status AS attempt,"
        " a.provider_message_id AS proof FROM message m JOIN attempt a ON a.message_id = m.id"
        " WHERE m.id <> $1 ORDER BY m.id",
        third,
    )
    assert [tuple(row) for row in rows] == [
        ("sent", taken_as(first), False, "accepted", taken_as(first)),
        ("bounced", taken_as(second), True, "accepted", taken_as(second)),
    ]
    assert await scene.counts(first) == {"sent": 1, "bounced": 1, "unknown": 1}
    await scene.tell({**report(first, "delivered"), "id": "another"})
    assert await scene.status(first) == "sent", "it has a proof now, and this is another"
    await scene.tell(report(first, "delivered"))
    assert await scene.status(first) == "delivered"
    await scene.check()


async def test_what_was_written_down_too_late_is_resolved_too(scene: Scene) -> None:
    """Its worker lost the lease, and wrote down afterwards what the provider had said."""
    (job,) = jobs = await scene.sending()
    doubt = {"status": Status.UNKNOWN, "reason": "its worker died", "provider_id": None, "attempt": "uncertain"}
    await scene.record(jobs, **doubt)
    late = messages.News(
        id=job.id,
        expected=Status.SENDING,
        number=1,
        status=Status.SENT,
        provider_id=taken_as(job.id),
        attempt="accepted",
    )
    async with scene.api.pool.acquire() as connection:
        await messages.evidence(connection, [late], {job.id: job.fence})
    await scene.tell({**report(job.id), "id": "another"})
    assert await scene.status(job.id) == "unknown"
    await scene.tell(report(job.id, "sent"))
    assert await scene.status(job.id) == "sent"
    await scene.check()


async def test_one_that_failed_later_is_retried_and_says_that_it_may_go_out_twice(scene: Scene) -> None:
    id = await scene.one()
    await scene.tell(report(id, "failed", reason="the handset cannot be reached"))
    await publish(scene.api, "w", "one")
    await scene.api.pool.execute("UPDATE trigger SET workflow_version_id = (SELECT id FROM workflow_version)")
    async with scene.api.pool.acquire() as connection:
        await retry(connection, scene.tenant, id, wake=scene.api.rung.append)
    assert await scene.api.pool.fetchval("SELECT possible_duplicate FROM message") is True
    await scene.tell(report(id, "delivered"))
    assert await scene.waiting() == 1, "nothing has been tried since: it may be recorded any moment"
    (job,) = await scene.claim("email")
    assert job.id == id
    await scene.check()


@pytest.mark.parametrize(
    ("told", "event"), [("delivered", "message.delivered"), ("bounced", "message.failed"), ("failed", "message.failed")]
)
async def test_bindings_hear_of_it_in_the_same_transaction(database: str, told: str, event: str) -> None:
    async with await open_pool(database, size=2, statement_timeout_s=10, application_name="test") as pool:
        rung: list[str] = []
        hearing = Hearing(Bindings(pool), wake=rung.append)
        async with open_scene(database, hearing=hearing) as scene:
            do = [{"timer.cancel": {"key": "x"}}]
            wanted = [Binding(key=type, on=OwnEvent(type=f"message.{type}"), do=do) for type in ("delivered", "failed")]
            async with scene.api.pool.acquire() as connection:
                await apply_bindings(connection, scene.tenant, wanted)
            id = await scene.one()
            assert (await scene.tell(report(id, told, reason="so"))).status == 200
            (job,) = await scene.claim("react")
            assert (job.args["type"], job.args["message"]["status"]) == (event, told)
            assert (job.args["message"]["reason"], job.args["message"]["provider_message_id"]) == ("so", taken_as(id))
            assert rung == ["react"]
            await scene.tell(report(id, told))
            assert await scene.claim("react") == [], "a repetition is not heard of"
            (early,) = jobs = await scene.sending()
            await scene.tell(report(early.id, told))
            await scene.record(jobs)
            await scene.look_again(hearing=hearing)
            (job,) = await scene.claim("react")
            assert job.args["type"] == event


async def test_what_was_here_is_known_for_a_week_and_then_forgotten(scene: Scene) -> None:
    made = await scene.sent(3)
    for id in made:
        await scene.tell(report(id))
    for id, days in zip(sorted(await _seen(scene)), (0, 7, 9), strict=True):
        await scene.api.pool.execute(
            "UPDATE callback_seen SET at = now() - $2::interval WHERE id = $1", id, timedelta(days=days)
        )
    async with scene.api.pool.acquire() as connection:
        await tidy(connection)
    assert len(await _seen(scene)) == 2
    for id in made:
        await scene.tell(report(id))
    assert await scene.statuses() == {"delivered": 3}
    assert await scene.outcomes() == {"applied": 3, "repeated": 2, "ignored": 1}


async def _seen(scene: Scene) -> list[UUID]:
    return [row["id"] for row in await scene.api.pool.fetch("SELECT id FROM callback_seen")]


async def test_any_order_of_any_reports_ends_as_the_table_says_and_counts_equal_rows(database: str) -> None:
    """In requests of any size, with repetitions; in a thread, for hypothesis is not async and has a loop of its own."""
    await asyncio.to_thread(_run, database)


def _run(url: str) -> None:
    number = st.integers(0, 2)
    one = st.tuples(number, st.sampled_from(sorted(TOLD)))
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        scene = runner.run(stack.enter_async_context(open_scene(url)))

        @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(requests=st.lists(st.lists(one, min_size=1, max_size=6), max_size=6))
        def every_order(requests: list[list[tuple[int, Status]]]) -> None:
            runner.run(_try(scene, requests))

        try:
            every_order()
        finally:
            runner.run(stack.aclose())


async def _try(scene: Scene, requests: list[list[tuple[int, Status]]]) -> None:
    made = await scene.sent(3)
    for request in requests:
        told = [
            Told(
                integration=MAIN,
                report=Report(
                    message_id=made[number],
                    provider_id=taken_as(made[number]),
                    status=status,
                    key=f"{made[number].hex}:{status}",
                ),
            )
            for number, status in request
        ]
        async with scene.api.pool.acquire() as connection, connection.transaction():
            await take(connection, told, slot=0)
    ends: Counter[str] = Counter()
    for number, id in enumerate(made):
        expected = ends_as([status for request in requests for of, status in request if of == number])
        assert await scene.status(id) == expected
        ends[expected.value] += 1
    assert await scene.counts(made[0]) == ends
    await scene.check()
