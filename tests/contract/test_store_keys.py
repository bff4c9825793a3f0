"""API keys as rows."""

from __future__ import annotations

from datetime import timedelta

import asyncpg

from clarion import clock
from clarion.domain.scope import Scope, allows
from clarion.store import keys, tenants


async def test_a_key_is_added_once_found_listed_and_revoked(database: str) -> None:
    connection = await asyncpg.connect(database)
    try:
        one, two = await tenants.ensure(connection, "one"), await tenants.ensure(connection, "two")
        assert [tenant.name for tenant in await tenants.list_all(connection)] == ["one", "two"]
        found_tenant = await tenants.find(connection, "two")
        assert found_tenant is not None
        assert found_tenant.id == two
        later = clock.now() + timedelta(days=1)
        assert await keys.add(connection, one, id="abcdefgh", digest=b"d" * 32, name="n", scopes=["feed:read"])
        assert not await keys.add(connection, two, id="abcdefgh", digest=b"e" * 32, name="n", scopes=["*"])
        assert await keys.add(
            connection, two, id="ijklmnop", digest=b"f" * 32, name="m", scopes=["*"], expires_at=later
        )
        found = await keys.find(connection, "abcdefgh")
        assert found is not None
        assert (found.tenant_id, found.digest, found.scopes) == (one, b"d" * 32, frozenset({"feed:read"}))
        assert found.is_active(clock.now())
        assert [key.id for key in await keys.list_all(connection, two)] == ["ijklmnop"]
        (other,) = await keys.list_all(connection, two)
        assert other.is_active(clock.now())
        assert not other.is_active(later)
        assert await keys.revoke(connection, one, "abcdefgh")
        closed = await keys.find(connection, "abcdefgh")
        assert closed is not None
        assert not closed.is_active(clock.now())
        assert await keys.find(connection, "ABCDEFGH") is None
    finally:
        await connection.close()


def test_reading_and_writing_are_apart() -> None:
    assert allows({"feed:read"}, Scope.FEED_READ)
    assert not allows({"feed:read"}, Scope.FEED_WRITE)
    assert not allows({"feed:write"}, Scope.FEED_READ)
    assert all(allows({"*"}, scope) for scope in Scope)
    assert not allows(set(), Scope.FEED_READ)
