"""Recipients as rows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from clarion.domain.recipient import Recipient
from clarion.store import recipients, tenants
from clarion.store.database import Pool, open_pool


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    pool = await open_pool(database, size=6, statement_timeout_s=10, application_name="test")
    async with pool:
        yield pool


@pytest.fixture
async def tenant(pool: Pool) -> UUID:
    async with pool.acquire() as connection:
        return await tenants.ensure(connection, "one")


async def test_an_address_replaces_the_one_before(pool: Pool, tenant: UUID) -> None:
    async with pool.acquire() as connection, connection.transaction():
        for email in ("a@example.com", "b@example.com", "B@example.com", None, "c@example.com"):
            await recipients.put_many(connection, tenant, [Recipient(id="x", email=email), Recipient(id="y")])
            stored = await recipients.get(connection, tenant, "x")
            assert stored is not None
            assert stored.recipient.email == email
            rows = await connection.fetchval("SELECT count(*) FROM contact")
            assert rows == (1 if email else 0)


async def test_address_and_number_are_apart(pool: Pool, tenant: UUID) -> None:
    """Each is replaced by itself, by a whole recipient, and by one that is laid over what is known."""

    async def reached_at() -> tuple[str | None, str | None, int]:
        stored = await recipients.get(connection, tenant, "x")
        assert stored is not None
        rows = await connection.fetchval("SELECT count(*) FROM contact")
        return stored.recipient.email, stored.recipient.phone, rows

    one, two, mail = "+31612345678", "+31687654321", "x@example.com"
    async with pool.acquire() as connection, connection.transaction():
        for email, phone in ((mail, one), (mail, two), (None, two), (mail, None), (None, None), (None, one)):
            await recipients.put_many(connection, tenant, [Recipient(id="x", email=email, phone=phone)])
            assert await reached_at() == (email, phone, (email is not None) + (phone is not None))
        await recipients.merge_many(connection, tenant, [Recipient(id="x", name="X")])
        assert await reached_at() == (None, one, 1)
        await recipients.merge_many(connection, tenant, [Recipient(id="x", email=mail), Recipient(id="y")])
        assert await reached_at() == (mail, one, 2)
        await recipients.merge_many(connection, tenant, [Recipient(id="x", phone=two)])
        assert await reached_at() == (mail, two, 2)
        other = await tenants.ensure(connection, "two")
        await recipients.put_many(connection, other, [Recipient(id="x")])
        assert await reached_at() == (mail, two, 2), "another tenant's is another's"


async def test_what_was_put_is_what_is_got(pool: Pool, tenant: UUID) -> None:
    whole = Recipient(
        id="x",
        name="Zoë",
        locale="pt-BR",
        timezone="Europe/Lisbon",
        email="z@example.com",
        phone="+351912345678",
        data={"a": [1, {"b": None}]},
    )
    async with pool.acquire() as connection, connection.transaction():
        assert await recipients.put_many(connection, tenant, [whole, Recipient(id="y")]) == {"x", "y"}
        assert await recipients.put_many(connection, tenant, [whole, Recipient(id="z")]) == {"z"}
        stored = await recipients.get(connection, tenant, "x")
        assert stored is not None
        assert stored.recipient == whole
        assert await recipients.missing(connection, tenant, ["x", "q", "p", "q"]) == ["p", "q"]


async def test_overlapping_bulks_in_opposite_orders_do_not_deadlock(pool: Pool, tenant: UUID) -> None:
    people = [Recipient(id=f"user-{i}", email=f"u{i}@example.com", phone=f"+316{i:08}") for i in range(300)]

    async def put(turned: bool) -> int:
        async with pool.acquire() as connection, connection.transaction():
            return len(await recipients.put_many(connection, tenant, people[::-1] if turned else people))

    created = await asyncio.gather(*(put(bool(i % 2)) for i in range(12)))
    assert sum(created) == len(people)
