"""Topics: their counts equal their members, whatever happens at the same time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from clarion.domain.recipient import Recipient
from clarion.store import recipients, tenants, topics
from clarion.store.database import Pool, open_pool

KEYS = ("a", "b", "c")
PEOPLE = [f"user-{i}" for i in range(40)]


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    pool = await open_pool(database, size=8, statement_timeout_s=10, application_name="test")
    async with pool:
        yield pool


@pytest.fixture
async def tenant(pool: Pool) -> UUID:
    async with pool.acquire() as connection, connection.transaction():
        tenant = await tenants.ensure(connection, "one")
        assert await tenants.ensure(connection, "one") == tenant
        await recipients.put_many(connection, tenant, [Recipient(id=id) for id in PEOPLE])
        for key in KEYS:
            await topics.put(connection, tenant, key, None)
    return tenant


async def test_counts_hold_and_nobody_deadlocks_while_all_is_done_at_once(pool: Pool, tenant: UUID) -> None:
    async def act(seed: int) -> None:
        choice = random.Random(seed)
        for _ in range(25):
            some = choice.sample(PEOPLE, choice.randrange(1, 30))
            key = choice.choice(KEYS)
            async with pool.acquire() as connection, connection.transaction():
                match choice.randrange(4):
                    case 0 | 1:
                        missing = await recipients.missing(connection, tenant, some)
                        known = [id for id in some if id not in missing]
                        await topics.add_members(connection, tenant, key, known)
                    case 2:
                        await topics.remove_members(connection, tenant, key, some)
                    case _:
                        await recipients.delete(connection, tenant, some[0])
            async with pool.acquire() as connection, connection.transaction():
                await recipients.put_many(connection, tenant, [Recipient(id=id) for id in some[:3]])

    await asyncio.gather(*(act(seed) for seed in range(8)))
    async with pool.acquire() as connection:
        for key in KEYS:
            topic = await topics.get(connection, tenant, key)
            rows = await connection.fetchval("SELECT count(*) FROM topic_member WHERE topic_key = $1", key)
            assert topic is not None
            assert topic.member_count == rows


async def test_topics_are_listed_by_key(pool: Pool, tenant: UUID) -> None:
    async with pool.acquire() as connection:
        assert [topic.key for topic in await topics.list_all(connection, tenant, "", 2)] == ["a", "b"]
        assert [topic.key for topic in await topics.list_all(connection, tenant, "b", 2)] == ["c"]
        other = await tenants.ensure(connection, "two")
        assert await topics.list_all(connection, other, "", 2) == []
        assert await topics.delete(connection, other, "a") is False
        assert await topics.delete(connection, tenant, "a") is True
