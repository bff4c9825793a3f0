"""Publishing bindings, and workers noticing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from clarion.domain.binding import Binding
from clarion.domain.own_event import OwnEvent
from clarion.domain.source import NatsSource, Source
from clarion.flows.apply import apply_bindings
from clarion.flows.bindings import Bindings
from clarion.store import bindings, tenants
from clarion.store.database import Pool, open_pool

NATS = NatsSource(stream="orders", subjects=("order.created",), durable="clarion")


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    pool = await open_pool(database, size=2, statement_timeout_s=10, application_name="test")
    async with pool:
        yield pool


@pytest.fixture
async def tenant(pool: Pool) -> UUID:
    async with pool.acquire() as connection:
        return await tenants.ensure(connection, "one")


def _binding(key: str, on: Source | OwnEvent = NATS, timer: str = "x") -> Binding:
    return Binding(key=key, on=on, do=[{"timer.cancel": {"key": timer}}])


async def _apply(pool: Pool, tenant: UUID, *wanted: Binding) -> dict[str, tuple[int, str]]:
    async with pool.acquire() as connection:
        return {one.key: (one.version, one.status) for one in await apply_bindings(connection, tenant, wanted)}


async def test_what_is_published_is_what_the_folder_has(pool: Pool, tenant: UUID) -> None:
    assert await _apply(pool, tenant, _binding("a"), _binding("b")) == {"a": (1, "new"), "b": (1, "new")}
    assert await _apply(pool, tenant, _binding("a"), _binding("b")) == {"a": (1, "unchanged"), "b": (1, "unchanged")}
    changed = await _apply(pool, tenant, _binding("a", timer="y"), _binding("c"))
    assert changed == {"a": (2, "changed"), "b": (1, "removed"), "c": (1, "new")}
    async with pool.acquire() as connection:
        assert [row["key"] for row in await bindings.list_(connection, tenant)] == ["a", "c"]
    assert await _apply(pool, tenant) == {"a": (2, "removed"), "c": (1, "removed")}
    assert await pool.fetchval("SELECT count(*) FROM binding") == 0


async def test_of_a_publication_that_fails_nothing_stays(pool: Pool, tenant: UUID) -> None:
    await _apply(pool, tenant, _binding("a"))
    with pytest.raises(ZeroDivisionError):
        async with pool.acquire() as connection, connection.transaction():
            await apply_bindings(connection, tenant, [_binding("b")])
            raise ZeroDivisionError
    assert await pool.fetchval("SELECT array_agg(key) FROM binding") == ["a"]


async def test_workers_notice_what_was_published_and_only_then_read_it(pool: Pool, tenant: UUID) -> None:
    seen = Bindings(pool)
    assert not await seen.refresh()
    await _apply(pool, tenant, _binding("a"), _binding("b"), _binding("own", OwnEvent(type="message.sent")))
    assert await seen.refresh()
    assert (seen.revision, await seen.refresh()) == (1, False)
    ((name, (source, fed)),) = seen.sources().items()
    assert name == (tenant, "nats:nats/orders/clarion")
    assert source == NATS
    assert [bound.key for bound in fed] == ["a", "b"]
    assert [bound.key for bound in seen.listening(tenant, "message.sent")] == ["own"]
    assert not seen.listening(tenant, "message.failed")
    await _apply(pool, tenant, _binding("b"))
    assert await seen.refresh()
    assert not seen.listening(tenant, "message.sent")
    assert [bound.key for bound in next(iter(seen.sources().values()))[1]] == ["b"]
    await _apply(pool, tenant)
    assert await seen.refresh()
    assert not seen.sources()


async def test_tenants_have_their_own(pool: Pool, tenant: UUID) -> None:
    async with pool.acquire() as connection:
        other = await tenants.ensure(connection, "two")
    await _apply(pool, tenant, _binding("a", OwnEvent(type="timer.fired")))
    await _apply(pool, other, _binding("a", timer="theirs"))
    seen = Bindings(pool)
    await seen.refresh()
    assert seen.listening(tenant, "timer.fired")
    assert not seen.listening(other, "timer.fired")
    await _apply(pool, tenant)
    async with pool.acquire() as connection:
        assert [row["key"] for row in await bindings.list_(connection, other)] == ["a"]
    await pool.execute("DELETE FROM tenant WHERE id = $1", other)
    assert await seen.refresh()
    assert not seen.sources()


async def test_one_that_cannot_be_used_leaves_the_others_be(pool: Pool, tenant: UUID) -> None:
    """Published by a version that knew more than this one."""
    await _apply(pool, tenant, _binding("a"), _binding("b"), _binding("c"))
    change = "UPDATE binding SET definition = jsonb_set(definition, $2, $3) WHERE key = $1"
    await pool.execute(change, "a", ["on"], {"kafka": {}})
    await pool.execute(change, "b", ["do"], [{"fly": {}}])
    seen = Bindings(pool)
    await seen.refresh()
    assert [bound.key for bound in next(iter(seen.sources().values()))[1]] == ["c"]
