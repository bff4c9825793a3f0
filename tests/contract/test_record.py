"""Recording what became of messages: all of it, whatever else moves the rows meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from tests.support.queue import QUEUE, waiting_for_lock
from tests.support.queue import Rig as QueueRig

from clarion import ids
from clarion.domain.status import Status
from clarion.queue import settle
from clarion.queue.job import Job
from clarion.store import messages
from clarion.store.database import Connection, open_pool

_MESSAGES = """
    INSERT INTO message (id, tenant_id, trigger_id, run_id, expires_at, step, channel, status, workflow_key,
                         recipient_id)
    SELECT id, $2, $3, $3, now() + interval '1 day', 0, 'email', 'queued', 'w', 'r' FROM unnest($1::uuid[]) AS id
"""
_ENDED = """
    SELECT m.status, a.status AS attempt FROM message m JOIN attempt a ON a.message_id = m.id WHERE m.id = ANY ($1)
"""
#: What was sent before, so that plans are those of a system that has been running.
_BEFORE = """
    UPDATE message SET status = 'sent', provider_message_id = 'x', attempts = 1;
    INSERT INTO attempt (message_id, number, fence, tenant_id, provider, worker, status, ended_at, provider_message_id)
    SELECT id, 1, 1, tenant_id, 'p', 'w', 'accepted', now(), 'x' FROM message;
    ANALYZE message, attempt;
"""


@pytest.fixture
async def rig(database: str) -> AsyncIterator[QueueRig]:
    pool = await open_pool(database, size=4, statement_timeout_s=20, application_name="tests")
    try:
        yield QueueRig(url=database, pool=pool, tenant=uuid4())
    finally:
        await pool.close()


async def _sending(rig: QueueRig, trigger: UUID, count: int) -> list[Job]:
    """Claimed jobs of messages whose intents are committed."""
    await rig.pool.execute(_MESSAGES, await rig.add(count), rig.tenant, trigger)
    jobs = sorted(await rig.claim(count), key=lambda job: job.id)
    async with rig.pool.acquire() as connection:
        intended = await messages.intend(
            connection,
            {job.id: job.fence for job in jobs},
            triggers=[trigger],
            provider="p",
            worker="w",
            slot=1,
            margin=timedelta(0),
        )
    assert len(intended.numbers) == count
    return jobs


async def _record(connection: Connection, jobs: Sequence[Job]) -> tuple[set[UUID], set[UUID]]:
    news = [
        messages.News(
            id=job.id,
            expected=Status.SENDING,
            number=1,
            status=Status.SENT,
            reason=None,
            provider_id="250 taken",
            possible_duplicate=False,
            attempt="accepted",
            event=None,
        )
        for job in jobs
    ]
    return await messages.record(connection, news, leaving={job.id: job.fence for job in jobs}, slot=1)


@pytest.mark.parametrize("touched", ["first", "last", "all"])
async def test_attempts_end_with_their_messages_while_leases_are_kept(rig: QueueRig, touched: str) -> None:
    """The worker keeps its leases in the very moment: the record waits for the jobs, and finds them changed."""
    await rig.pool.execute(_MESSAGES, ids.new_many(20_000), rig.tenant, ids.new())
    await rig.pool.execute(_BEFORE)
    jobs = await _sending(rig, ids.new(), 3)
    kept = {"first": jobs[:1], "last": jobs[-1:], "all": jobs}[touched]
    async with rig.pool.acquire() as keeper, rig.pool.acquire() as connection:
        async with keeper.transaction():
            assert not await settle.extend(keeper, kept, timedelta(minutes=2))
            answer = asyncio.ensure_future(_record(connection, jobs))
            await waiting_for_lock(rig, connection.get_server_pid())
        assert await answer == ({job.id for job in jobs}, set())
    ended = await rig.pool.fetch(_ENDED, [job.id for job in jobs])
    assert [tuple(row) for row in ended] == [("sent", "accepted")] * 3
    assert await rig.pool.fetchval("SELECT count(*) FROM job WHERE queue = $1", QUEUE) == 0
