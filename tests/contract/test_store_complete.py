"""Completing triggers: all that are done, in time that grows with their number."""

from __future__ import annotations

from uuid import UUID

import psutil

from clarion import ids
from clarion.store import triggers
from clarion.store.database import open_pool

_MANY = 1500
#: Of a processor, as the wall's clock would measure the neighbours, too.
_MOST_S = 3
_TRIGGERS = """
    INSERT INTO trigger (id, tenant_id, workflow_key, workflow_version_id, status, priority, recipient_ids, topic_keys,
                         payload, metadata, expires_at)
    SELECT id, $2, 'w', $2, 'running', 2, '{}', '{}', '{}', '{}', now() + interval '1 day' FROM unnest($1::uuid[]) AS id
"""
_COUNTS = """
    INSERT INTO trigger_count (trigger_id, channel, slot, tenant_id, queued, sent)
    SELECT id, 'email', slot, $2, CASE WHEN slot = 0 THEN 1 ELSE $3 END, slot
    FROM unnest($1::uuid[]) AS id, generate_series(0, 1) AS slot
"""


async def test_many_at_once(database: str) -> None:
    """The plan is one made while the tables were empty; it once joined every trigger with every other, for 9 s here."""
    pool = await open_pool(database, size=1, statement_timeout_s=60, application_name="tests")
    try:
        async with pool.acquire() as connection:
            assert await triggers.complete(connection, UUID(int=0), _MANY) == (None, [])
            done, waiting, bare = ids.new_many(_MANY - 2), ids.new_many(1), ids.new_many(1)
            tenant = ids.new()
            await connection.execute(_TRIGGERS, [*done, *waiting, *bare], tenant)
            await connection.execute(_COUNTS, done, tenant, -1)  # the sum of the slots says what is open
            await connection.execute(_COUNTS, waiting, tenant, 0)
            server = psutil.Process(await connection.fetchval("SELECT pg_backend_pid()"))
            before = server.cpu_times()
            last, completed = await triggers.complete(connection, UUID(int=0), _MANY)
            after = server.cpu_times()
            assert after.user + after.system - before.user - before.system < _MOST_S
            assert (last, set(completed)) == (bare[0], {*done, *bare})
            counts = dict(await connection.fetch("SELECT id, counts FROM trigger WHERE status = 'completed'"))
            assert counts[bare[0]] == {}
            assert {(c["email"]["queued"], c["email"]["sent"]) for id, c in counts.items() if id != bare[0]} == {(0, 1)}
            left = await connection.fetch("SELECT DISTINCT trigger_id FROM trigger_count")
            assert [row["trigger_id"] for row in left] == list(waiting)
    finally:
        await pool.close()
