"""The schema: safe to migrate by many at once, true to the domain, and its old weeks leave without a trace."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from clarion import ids
from clarion.domain.status import Status
from clarion.store import partitions, retention
from clarion.store.database import check_durable, set_up
from clarion.store.migrate import HEAD, migrate


async def test_many_may_migrate_at_once(empty_database: str) -> None:
    await asyncio.gather(*(migrate(empty_database) for _ in range(4)))
    connection = await asyncpg.connect(empty_database)
    try:
        assert await connection.fetchval("SELECT version_num FROM alembic_version") == HEAD
        assert await partitions.ensure(connection) == []
    finally:
        await connection.close()


async def test_the_statuses_of_the_database_are_those_of_the_domain(database: str) -> None:
    connection = await asyncpg.connect(database)
    try:
        check = await connection.fetchval(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'message_status' LIMIT 1"
        )
        assert set(re.findall(r"'(\w+)'", check)) == {status.value for status in Status}
        columns = await connection.fetch(
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'trigger_count'"
        )
        assert {status.value for status in Status} <= {row["column_name"] for row in columns}
    finally:
        await connection.close()


async def test_sent_needs_the_providers_id(database: str) -> None:
    connection = await asyncpg.connect(database)
    try:
        id = ids.new()
        await connection.execute(_MESSAGE, id, "queued")
        with pytest.raises(asyncpg.CheckViolationError, match="message_sent_has_proof"):
            await connection.execute("UPDATE message SET status = 'sent' WHERE id = $1", id)
        with pytest.raises(asyncpg.CheckViolationError, match="message_skip_has_reason"):
            await connection.execute("UPDATE message SET status = 'failed' WHERE id = $1", id)
    finally:
        await connection.close()


async def test_weeks_are_made_ahead_and_dropped_when_old_but_not_with_open_messages(database: str) -> None:
    connection = await asyncpg.connect(database)
    try:
        await set_up(connection)
        old = datetime(2026, 1, 7, tzinfo=UTC)
        made = await partitions.ensure(connection, old)
        assert "message_2026_w02" in made
        assert "attempt_2026_w06" in made
        held, gone = ids.first_at(old), ids.first_at(old + timedelta(days=7))
        await connection.execute(_MESSAGE, held, "queued")
        await connection.execute(_MESSAGE, gone, "cancelled")
        dropped, _ = await partitions.drop(connection, timedelta(days=30))
        assert "message_2026_w03" in dropped
        assert "attempt_2026_w03" in dropped
        assert not [name for name in dropped if name.endswith("w02")]
        assert await connection.fetchval("SELECT array_agg(id) FROM message") == [held]
        await connection.execute("UPDATE message SET status = 'cancelled' WHERE id = $1", held)
        assert "message_2026_w02" in (await partitions.drop(connection, timedelta(days=30)))[0]
    finally:
        await connection.close()


async def test_old_feed_items_leave_with_their_counts(database: str) -> None:
    connection = await asyncpg.connect(database)
    try:
        await set_up(connection)
        tenant = ids.new()
        old, new = ids.first_at(datetime(2020, 1, 1, tzinfo=UTC)), ids.new()
        for seq, id in enumerate((old, new), start=1):
            await connection.execute(_ITEM, id, tenant, seq)
        await connection.execute("INSERT INTO feed_counter VALUES ($1, 'ann', 2, 2, 2, 2)", tenant)
        assert await retention.prune_feed(connection, timedelta(days=90)) == 1
        row = await connection.fetchrow("SELECT last_seq, total, unseen, unread FROM feed_counter")
        assert row is not None
        assert tuple(row) == (2, 1, 1, 1)
    finally:
        await connection.close()


async def test_a_server_that_would_forget_is_refused(database: str) -> None:
    from clarion.errors import ConfigError

    connection = await asyncpg.connect(database)
    try:
        await check_durable(connection)
        await connection.execute("SET synchronous_commit = off")
        with pytest.raises(ConfigError, match="synchronous_commit"):
            await check_durable(connection)
        await check_durable(connection, allow_unsafe=True)
    finally:
        await connection.close()


_MESSAGE = f"""
    INSERT INTO message
        (id, tenant_id, trigger_id, run_id, expires_at, step, channel, status, workflow_key, recipient_id)
    VALUES ($1, '{UUID(int=0)}', '{UUID(int=0)}', '{UUID(int=0)}', now(), 0, 'email', $2, 'w', 'ann')
"""
_ITEM = """
    INSERT INTO feed_item (message_id, tenant_id, seq, recipient_id, workflow_key, title, body)
    VALUES ($1, $2, $3, 'ann', 'w', 't', 'b')
"""
