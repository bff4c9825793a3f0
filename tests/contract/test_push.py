"""Push messages as rows: a message for each device, in which queue they wait, and that others pay nothing for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from tests.support.steps import Steps, open_steps

from clarion.domain.recipient import Recipient
from clarion.domain.step import Channel, ChannelStep, DelayStep
from clarion.store import devices, recipients, triggers

PUSH = ChannelStep(key="push", channel=Channel.PUSH, template="push")
AGAIN = ChannelStep(key="again", channel=Channel.PUSH, template="push")
MAIL = ChannelStep(key="email", channel=Channel.EMAIL, template="email")
WAIT = DelayStep(key="wait", length=timedelta(hours=1))


@pytest.fixture
async def steps(database: str) -> AsyncIterator[Steps]:
    async with open_steps(database) as steps:
        yield steps


async def _register(steps: Steps, who: str, *names: str) -> None:
    async with steps.pool.acquire() as connection, connection.transaction():
        await recipients.merge_many(connection, steps.tenant_id, [Recipient(id=who, email=f"{who}@example.com")])
        for name in names:
            token = f"{who}:{name}"
            await devices.put(connection, steps.tenant_id, who, name, provider="fcm", token=token, platform=None)


async def _addresses(steps: Steps) -> list[tuple[str, str | None, str]]:
    rows = await steps.pool.fetch(
        "SELECT recipient_id, address, status FROM message WHERE channel = 'push' ORDER BY recipient_id, address, step"
    )
    return [tuple(row) for row in rows]


async def test_a_message_waits_for_each_device(steps: Steps) -> None:
    await _register(steps, "ana", "phone", "tablet")
    await _register(steps, "ben")
    await steps.publish(PUSH, MAIL)
    id = await steps.trigger(["ana", "ben"])
    assert await _addresses(steps) == [
        ("ana", "phone", "queued"),
        ("ana", "tablet", "queued"),
        ("ben", None, "skipped"),
    ]
    assert ("ben", 0, "skipped", "no device for push") in await steps.messages(id)
    queues = await steps.pool.fetch("SELECT queue, count(*) FROM job GROUP BY queue ORDER BY queue")
    assert [tuple(row) for row in queues] == [("email", 2), ("push", 2)]
    counts = await steps.pool.fetch("SELECT channel, queued, skipped FROM trigger_count ORDER BY channel")
    assert [tuple(row) for row in counts] == [("email", 2, 0), ("push", 2, 1)]
    assert not await steps.pool.fetchval("SELECT count(*) FROM message WHERE address LIKE '%:%'"), "no token is kept"
    await steps.assert_well()


async def test_a_page_of_many_devices_has_ids_enough(steps: Steps) -> None:
    for who in range(30):
        await _register(steps, f"p{who:02}", *(f"d{n}" for n in range(who % 7)))
    await steps.publish(PUSH, MAIL, AGAIN)
    await steps.trigger([f"p{who:02}" for who in range(30)])
    pushed = sum(max(who % 7, 1) for who in range(30)) * 2
    assert await steps.pool.fetchval("SELECT count(*) FROM message WHERE channel = 'push'") == pushed
    await steps.assert_well()


async def test_behind_a_delay_it_goes_to_the_devices_of_then(steps: Steps) -> None:
    await _register(steps, "ana", "phone", "tablet")
    await steps.publish(WAIT, PUSH)
    await steps.trigger(["ana"])
    async with steps.pool.acquire() as connection, connection.transaction():
        await devices.delete(connection, steps.tenant_id, "ana", "phone")
    await _register(steps, "ana", "watch")
    assert await steps.time_comes() == 1
    assert await _addresses(steps) == [("ana", "tablet", "queued"), ("ana", "watch", "queued")]
    await steps.assert_well()


async def test_devices_are_looked_up_only_for_who_pushes(steps: Steps) -> None:
    await _register(steps, "ana", "phone")
    await steps.publish(MAIL)
    id = await steps.accept(["ana"])
    async with steps.pool.acquire() as connection:
        (plain,) = await triggers.page(connection, [id], 10)
        (full,) = await triggers.page(connection, [id], 10, with_devices=True)
        plan = "\n".join(
            row[0]
            for row in await connection.fetch(
                f"EXPLAIN (ANALYZE, COSTS off, TIMING off, BUFFERS off) {_page()}", [id], 10, False, False
            )
        )
    assert (plain["devices"], full["devices"]) == (None, ["phone"])
    for table in ("device", "webhook"):
        assert f"on {table} {table[0]} (never executed)" in plan or table not in plan, plan


def _page() -> str:
    return triggers._SQL["page"]


async def test_the_next_page_waits_among_the_push_messages(database: str) -> None:
    async with open_steps(database, page=2) as steps:
        for who in range(4):
            await _register(steps, f"p{who}", "phone")
        await steps.publish(PUSH)
        id = await steps.trigger([f"p{who}" for who in range(4)])
        assert await steps.pool.fetchval("SELECT queue FROM job WHERE id = $1", id) == "push"
