"""Frequency caps: exact whatever happens at the same moment, and nothing to who has none."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.support.steps import Steps, open_steps

from clarion import ids
from clarion.domain.cap import Cap
from clarion.domain.plan import Planned
from clarion.domain.step import Channel, ChannelStep, DelayStep
from clarion.domain.workflow import Priority, Workflow
from clarion.flows.caps import Caps
from clarion.flows.retention import tidy
from clarion.flows.rows import Rows
from clarion.store import workflows
from clarion.templates.source import Bundle

DAY = timedelta(days=1)
MAIL = ChannelStep(key="email", channel=Channel.EMAIL, template="email")
FEED = ChannelStep(key="feed", channel=Channel.IN_APP, template="feed")
THREE = Cap(messages=3, per=DAY)


async def publish(steps: Steps, key: str = "w", *, made: tuple[Any, ...] = (MAIL,), **given: Any) -> None:
    workflow = Workflow(key=key, steps=made, expires_after=timedelta(hours=1), **given)
    async with steps.pool.acquire() as connection, connection.transaction():
        await workflows.publish(
            connection,
            steps.tenant_id,
            key,
            hash=ids.new().hex,
            definition=workflow.to_json(),
            bundle=Bundle().to_json(),
        )


async def counted(steps: Steps) -> dict[tuple[str, str | None], int]:
    rows = await steps.pool.fetch("SELECT status, reason, count(*) AS n FROM message GROUP BY 1, 2")
    return {(row["status"], row["reason"]): row["n"] for row in rows}


async def test_what_is_one_too_many_is_skipped_with_its_reason(database: str) -> None:
    async with open_steps(database) as steps:
        await publish(steps, caps=(THREE,))
        for _ in range(5):
            last = await steps.trigger(["ana"])
        await steps.trigger(["bea"])
        assert await counted(steps) == {("queued", None): 4, ("skipped", "frequency cap: 3 in 1d"): 2}
        assert await steps.messages(last) == [("ana", 0, "skipped", "frequency cap: 3 in 1d")]
        assert await steps.pool.fetchval("SELECT count(*) FROM job WHERE kind = 'deliver'") == 4, "and has no job"
        assert await steps.status(last) == "completed"
        await steps.assert_well()


async def test_a_window_moves_on(database: str) -> None:
    async with open_steps(database) as steps:
        await publish(steps, caps=(Cap(messages=1, per=timedelta(hours=1)),))
        await steps.trigger(["ana"])
        await steps.trigger(["ana"])
        aged = ids.first_at(ids.made_at(ids.new()) - timedelta(minutes=61))
        await steps.pool.execute("UPDATE cap_use SET message_ids = ARRAY[$1::uuid]", aged)
        await steps.trigger(["ana"])
        assert await counted(steps) == {("queued", None): 2, ("skipped", "frequency cap: 1 in 1h"): 1}


@pytest.mark.parametrize("workers", [4, 12])
async def test_many_triggers_at_the_same_moment_pass_exactly_as_many(database: str, workers: int) -> None:
    """Each is expanded by another worker, all in the same moment; each for several recipients, in both orders."""
    async with open_steps(database) as steps:
        await publish(steps, caps=(THREE, Cap(messages=7, per=7 * DAY)))
        await publish(steps, "v", caps=(THREE,), category="news")
        people = [f"p{number}" for number in range(30)]
        for number in range(40):
            await steps.accept(people if number % 2 else people[::-1], key="w" if number % 4 else "v")
        expanders = [steps.another_expander() for _ in range(workers)]
        async with asyncio.TaskGroup() as tasks:
            for expander in expanders:
                tasks.create_task(_until_dry(expander))
        rows = await steps.pool.fetch(
            "SELECT recipient_id, workflow_key, count(*) AS n FROM message WHERE status = 'queued' GROUP BY 1, 2"
        )
        assert {(row["recipient_id"], row["workflow_key"]): row["n"] for row in rows} == {
            (who, key): 3 for who in people for key in ("w", "v")
        }
        assert await steps.pool.fetchval("SELECT count(*) FROM message") == 40 * 30
        await steps.assert_well()


async def _until_dry(expander: Any) -> None:
    while await expander.run_once():
        pass


async def test_in_one_transaction_too(database: str) -> None:
    """Small triggers are expanded together, and one run may make several messages."""
    async with open_steps(database) as steps:
        await publish(steps, made=(MAIL, FEED), caps=(THREE,))
        for _ in range(4):
            await steps.accept(["ana", "bea"])
        await steps.expanding.run_once()
        rows = await steps.pool.fetch("SELECT recipient_id, count(*) FROM message WHERE status = 'queued' GROUP BY 1")
        assert sorted(map(tuple, rows)) == [("ana", 3), ("bea", 3)]


async def test_what_was_not_sent_in_the_end_does_not_count(database: str) -> None:
    async with open_steps(database) as steps:
        await publish(steps, caps=(Cap(messages=1, per=DAY),))
        await steps.trigger(["ana"])
        await steps.end_messages()  # they expired
        await steps.trigger(["ana"])
        await steps.trigger(["ana"])
        assert await counted(steps) == {
            ("expired", None): 1,
            ("queued", None): 1,
            ("skipped", "frequency cap: 1 in 1d"): 1,
        }


async def test_what_is_in_the_sandbox_is_capped_and_takes_nobodys_place(database: str) -> None:
    """Neither before a real one, nor in the same transaction; beyond the cap it is skipped as a real one is."""
    async with open_steps(database) as steps:
        await publish(steps, caps=(Cap(messages=1, per=DAY),))
        tried = [await steps.trigger(["ana"], sandbox=True) for _ in range(2)]
        tried.append(await steps.accept(["ana", "bea"], sandbox=True))
        real = await steps.accept(["ana", "bea"])
        await steps.expanding.run_once()
        tried.append(await steps.trigger(["ana"], sandbox=True))
        again = await steps.trigger(["bea"])
        over = "frequency cap: 1 in 1d"
        found = [[(who, status) for who, _, status, _ in await steps.messages(one)] for one in (*tried, real, again)]
        assert found == [
            [("ana", "queued")],
            [("ana", "queued")],
            [("ana", "skipped"), ("bea", "skipped")],
            [("ana", "skipped")],
            [("ana", "queued"), ("bea", "queued")],
            [("bea", "skipped")],
        ]
        assert (await counted(steps))["skipped", over] == 4


async def test_a_message_that_one_cap_refuses_costs_nothing_of_another(database: str) -> None:
    async with open_steps(database) as steps:
        await publish(steps, made=(MAIL, FEED), caps=(THREE, Cap(messages=1, per=DAY, channel=Channel.EMAIL)))
        for _ in range(3):
            await steps.trigger(["ana"])
        rows = await steps.pool.fetch("SELECT channel, status, count(*) FROM message GROUP BY 1, 2")
        assert sorted(map(tuple, rows)) == [
            ("email", "queued", 1),
            ("email", "skipped", 2),
            ("in_app", "queued", 2),
            ("in_app", "skipped", 1),
        ], "three in all, one of them a mail: the mails that were refused took no place of the feed's"


async def test_a_category_counts_over_its_workflows_and_the_critical_keep_to_none(database: str) -> None:
    one = (Cap(messages=1, per=DAY),)
    caps = Caps(by_category={"news": (Cap(messages=2, per=DAY),), "codes": one}, critical=["codes"])
    async with open_steps(database, caps=caps) as steps:
        for key in ("one", "two", "three"):
            await publish(steps, key, category="news")
        await publish(steps, "alarm", category="news", priority=Priority.CRITICAL, caps=(Cap(messages=1, per=DAY),))
        await publish(steps, "code", category="codes")
        await publish(steps, "other", category="orders")
        for key in ("one", "two", "three", "alarm", "alarm", "code", "code", "other", "other", "other"):
            await steps.trigger(["ana"], key=key)
        rows = await steps.pool.fetch("SELECT workflow_key FROM message WHERE status = 'skipped'")
        assert [row["workflow_key"] for row in rows] == ["three"]


async def test_messages_to_all_devices_of_a_recipient_count_as_one(database: str) -> None:
    push = ChannelStep(key="push", channel=Channel.PUSH, template="push")
    async with open_steps(database) as steps:
        await publish(steps, made=(push,), caps=(Cap(messages=2, per=DAY),))
        rows = Rows(now=datetime.now(UTC))
        trigger = {"tenant_id": steps.tenant_id, "id": ids.new(), "workflow_key": "w", "priority": 2}
        for _ in range(3):
            rows.add_messages(
                trigger,
                ids.new(),
                "bea",
                [Planned(0, Channel.PUSH, f"dev_{number}") for number in range(3)],
                expires_at=rows.now + DAY,
                minted=iter(ids.new_many(3)),
                caps=[("workflow:w in 1d", Cap(messages=2, per=DAY))],
            )
        assert not rows.few
        async with steps.pool.acquire() as connection, connection.transaction():
            await rows.write(connection, slot=0)
        found = await steps.pool.fetch(
            "SELECT status, count(*), count(DISTINCT run_id) FROM message WHERE recipient_id = 'bea' GROUP BY 1"
        )
        assert sorted(map(tuple, found)) == [("queued", 6, 2), ("skipped", 3, 1)]
        assert await steps.pool.fetchval("SELECT cardinality(message_ids) FROM cap_use WHERE recipient_id = 'bea'") == 2


async def test_behind_a_delay_it_is_decided_when_the_wait_is_over(database: str) -> None:
    delay = DelayStep(key="wait", length=timedelta(hours=1))
    async with open_steps(database) as steps:
        await publish(steps, made=(delay, MAIL), caps=(Cap(messages=1, per=DAY),))
        await steps.trigger(["ana"])
        await steps.trigger(["ana"])
        assert await counted(steps) == {}
        await steps.time_comes()
        assert await counted(steps) == {("queued", None): 1, ("skipped", "frequency cap: 1 in 1d"): 1}
        await steps.assert_well()


async def test_who_has_no_cap_pays_nothing_and_counts_are_forgotten(database: str) -> None:
    async with open_steps(database) as steps:
        await publish(steps)
        await steps.trigger(["ana"])
        assert await steps.pool.fetchval("SELECT count(*) FROM cap_use") == 0
        await publish(steps, "capped", caps=(THREE,))
        await steps.trigger(["ana"], key="capped")
        async with steps.pool.acquire() as connection:
            await tidy(connection)
            assert await connection.fetchval("SELECT count(*) FROM cap_use") == 1
            await connection.execute("UPDATE cap_use SET until = now() - interval '1 s'")
            await tidy(connection)
            assert await connection.fetchval("SELECT count(*) FROM cap_use") == 0
