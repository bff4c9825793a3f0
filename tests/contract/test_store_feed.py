"""The feed: whatever happens at the same time, the counters equal the rows and no `seq` is missing."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import pytest

from clarion import ids
from clarion.domain.content import InAppContent
from clarion.domain.recipient import Recipient
from clarion.store import feed, feed_delivery, recipients, tenants
from clarion.store.database import Connection, Pool, open_pool
from clarion.store.feed import Mark, Show
from clarion.store.feed_delivery import NewItem

LATER = datetime(2100, 1, 1, tzinfo=UTC)
PEOPLE = ("ana", "bea", "cem")


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    pool = await open_pool(database, size=8, statement_timeout_s=5, application_name="test")
    async with pool:
        yield pool


@pytest.fixture
async def tenant(pool: Pool) -> UUID:
    async with pool.acquire() as connection, connection.transaction():
        tenant = await tenants.ensure(connection, "one")
        await recipients.put_many(connection, tenant, [Recipient(id=id) for id in PEOPLE])
    return tenant


def items(tenant: UUID, whom: Sequence[str]) -> list[NewItem]:
    return [
        NewItem(
            tenant_id=tenant,
            recipient_id=id,
            message_id=made,
            workflow_key="w",
            category=None,
            content=InAppContent(title="t", body="b", data={"a": [1]}),
        )
        for id, made in zip(whom, ids.new_many(len(whom)), strict=True)
    ]


async def check(connection: Connection, tenant: UUID) -> None:
    """Recount everything."""
    for id in PEOPLE:
        row = await connection.fetchrow(
            """SELECT count(*) FILTER (WHERE here) AS total,
                      count(*) FILTER (WHERE here AND seen_at IS NULL) AS unseen,
                      count(*) FILTER (WHERE here AND read_at IS NULL) AS unread,
                      count(*) AS rows, coalesce(max(seq), 0) AS last, coalesce(min(seq), 1) AS first,
                      coalesce(max(rev), 0) AS rev
               FROM (SELECT *, archived_at IS NULL AND snoozed_until IS NULL AS here FROM feed_item
                     WHERE tenant_id = $1 AND recipient_id = $2) AS f""",
            tenant,
            id,
        )
        assert row is not None
        assert await feed.counts(connection, tenant, id) == feed.Counts(
            total=row["total"], unseen=row["unseen"], unread=row["unread"], rev=row["rev"]
        )
        assert (row["first"], row["last"]) == (1, row["rows"])


async def test_items_are_numbered_for_each_recipient_in_their_order(pool: Pool, tenant: UUID) -> None:
    given = items(tenant, ["ana", "bea", "ana", "ana"])
    async with pool.acquire() as connection:
        await feed_delivery.deliver(connection, given)
        await feed_delivery.deliver(connection, items(tenant, ["ana"]))
        await feed_delivery.deliver(connection, [])
        listed = await feed.page(connection, tenant, "ana", Show.ALL, None, 10)
        assert [item.seq for item in listed] == [4, 3, 2, 1]
        assert [item.message_id for item in listed][1:] == [given[i].message_id for i in (3, 2, 0)]
        assert listed[0].data == {"a": [1]}
        await check(connection, tenant)


async def test_an_item_delivered_twice_at_once_counts_once(pool: Pool, tenant: UUID) -> None:
    given = items(tenant, ["ana"])

    async def deliver() -> int:
        try:
            async with pool.acquire() as connection:
                await feed_delivery.deliver(connection, given)
        except asyncpg.UniqueViolationError:
            return 0
        return 1

    assert sum(await asyncio.gather(*(deliver() for _ in range(8)))) == 1
    async with pool.acquire() as connection:
        await check(connection, tenant)


async def test_counters_hold_while_all_is_done_at_once(pool: Pool, tenant: UUID) -> None:
    made: list[NewItem] = []

    async def act(seed: int) -> None:
        choice = random.Random(seed)
        for _ in range(25):
            whom = choice.choice(PEOPLE)
            mark = choice.choice(list(Mark))
            async with pool.acquire() as connection, connection.transaction():
                match choice.randrange(4):
                    case 0 | 1:
                        new = items(tenant, choice.choices(PEOPLE, k=choice.randrange(1, 8)))
                        await feed_delivery.deliver(connection, new)
                        made.extend(new)
                    case 2:
                        some = [item.message_id for item in choice.sample(made, min(len(made), 5))]
                        await feed.mark(connection, tenant, whom, mark, some, until=LATER)
                    case _:
                        await feed.mark(connection, tenant, whom, mark, None, until=LATER)

    await asyncio.gather(*(act(seed) for seed in range(8)))
    async with pool.acquire() as connection:
        await check(connection, tenant)
        assert await connection.fetchval("SELECT count(*) FROM feed_item") == len(made)
        # And the deepest truth of it: what is read was seen.
        assert not await connection.fetchval(
            "SELECT count(*) FROM feed_item WHERE read_at IS NOT NULL AND seen_at IS NULL"
        )
