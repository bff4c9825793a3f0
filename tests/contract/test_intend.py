"""Intents: only for messages that may go, only by who holds their jobs, and judged when every lock is had."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest
from tests.support.queue import QUEUE, all_leases_over, waiting_for_lock
from tests.support.queue import Rig as QueueRig

from clarion import ids
from clarion.domain.status import Status
from clarion.domain.verdict import Verdict
from clarion.flows.endings import Ending, record
from clarion.queue import add, rescue
from clarion.queue.job import Job
from clarion.store import messages
from clarion.store.database import Connection, open_pool

_MARGIN = timedelta(milliseconds=50)
_MESSAGES = """
    INSERT INTO message (id, tenant_id, trigger_id, run_id, expires_at, step, channel, status, workflow_key,
                         recipient_id)
    SELECT id, $2, $3, $3, now() + interval '1 day', 0, 'email', 'queued', 'w', 'r' FROM unnest($1::uuid[]) AS id
"""
_ATTEMPTS = "SELECT message_id, number, fence FROM attempt ORDER BY message_id"


@dataclass(kw_only=True)
class Rig(QueueRig):
    """Messages of one trigger with a claimed job each."""

    trigger: UUID

    async def claimed(self, count: int, *, lease: timedelta) -> list[Job]:
        made = await self.add(count)
        await self.pool.execute(_MESSAGES, made, self.tenant, self.trigger)
        return sorted(await self.claim(count, lease=lease), key=lambda job: job.id)

    async def intend(self, connection: Connection, jobs: list[Job]) -> messages.Intended:
        claims = {job.id: job.fence for job in jobs}
        return await messages.intend(
            connection, claims, triggers=[self.trigger], provider="p", worker="w", slot=1, margin=_MARGIN
        )

    async def statuses(self) -> list[str]:
        return [row["status"] for row in await self.pool.fetch("SELECT status FROM message ORDER BY id")]


@pytest.fixture
async def rig(database: str) -> AsyncIterator[Rig]:
    pool = await open_pool(database, size=4, statement_timeout_s=20, application_name="tests")
    try:
        yield Rig(url=database, pool=pool, tenant=uuid4(), trigger=ids.new())
    finally:
        await pool.close()


async def test_it_is_written_before_anything_goes(rig: Rig) -> None:
    jobs = await rig.claimed(3, lease=timedelta(minutes=1))
    async with rig.pool.acquire() as connection:
        intended = await rig.intend(connection, jobs)
        assert intended.numbers == {job.id: 1 for job in jobs}
        assert timedelta(seconds=50) < intended.remains <= timedelta(minutes=1)
        assert [tuple(row) for row in await connection.fetch(_ATTEMPTS)] == [(job.id, 1, job.fence) for job in jobs]
        assert await rig.statuses() == ["sending"] * 3
        count = "SELECT queued, sending FROM trigger_count WHERE trigger_id = $1"
        assert tuple(await connection.fetchrow(count, rig.trigger) or ()) == (-3, 3)


async def test_whoever_has_lost_a_job_intends_nothing_for_it(rig: Rig) -> None:
    jobs = await rig.claimed(4, lease=timedelta(minutes=1))
    over, cancelled, others, mine = jobs
    await rig.run_out(over)
    await rig.pool.execute("UPDATE job SET cancelled = true WHERE id = $1", cancelled.id)
    await rig.pool.execute("UPDATE job SET fence = fence + 1 WHERE id = $1", others.id)
    async with rig.pool.acquire() as connection:
        assert (await rig.intend(connection, jobs)).numbers == {mine.id: 1}
        assert (await rig.intend(connection, [over])).numbers == {}
    assert await rig.statuses() == ["queued", "queued", "queued", "sending"]


async def test_what_was_cancelled_sent_or_is_too_late_is_left_out(rig: Rig) -> None:
    sent, late, good = await rig.claimed(3, lease=timedelta(minutes=1))
    await rig.pool.execute("UPDATE message SET status = 'sent', provider_message_id = 'x' WHERE id = $1", sent.id)
    await rig.pool.execute("UPDATE message SET expires_at = now() - interval '1 s' WHERE id = $1", late.id)
    async with rig.pool.acquire() as connection:
        assert (await rig.intend(connection, [sent, late, good])).numbers == {good.id: 1}
        await connection.execute("INSERT INTO trigger_cancel VALUES ($1, $2)", rig.trigger, rig.tenant)
        await connection.execute("UPDATE message SET status = 'queued' WHERE id = $1", good.id)
        assert (await rig.intend(connection, [good])).numbers == {}


async def test_a_cancel_that_was_waited_for_is_seen(rig: Rig) -> None:
    """The cancel holds the trigger's lock and commits while the intent waits for it (PROMISES P16)."""
    jobs = await rig.claimed(1, lease=timedelta(minutes=1))
    async with rig.pool.acquire() as holder, rig.pool.acquire() as connection:
        async with holder.transaction():
            await holder.execute("SELECT pg_advisory_xact_lock($1)", messages.lock_key(rig.trigger))
            await holder.execute("INSERT INTO trigger_cancel VALUES ($1, $2)", rig.trigger, rig.tenant)
            answer = asyncio.ensure_future(rig.intend(connection, jobs))
            await waiting_for_lock(rig, connection.get_server_pid())
        assert (await answer).numbers == {}


@pytest.mark.parametrize("table", ["job", "message"])
async def test_the_lease_is_judged_after_the_wait_for_the_lock(rig: Rig, table: str) -> None:
    """It holds when the intent begins and is over when the locks are had: nothing may go."""
    jobs = await rig.claimed(1, lease=timedelta(milliseconds=400))
    async with rig.pool.acquire() as holder, rig.pool.acquire() as connection:
        async with holder.transaction():
            await holder.execute(f"SELECT FROM {table} WHERE id = $1 FOR UPDATE", jobs[0].id)
            answer = asyncio.ensure_future(rig.intend(connection, jobs))
            await waiting_for_lock(rig, connection.get_server_pid())
            assert await holder.fetchval("SELECT lease_until > now() FROM job"), "it began too late to tell anything"
            await all_leases_over(rig)
        if table == "job":
            assert (await answer).numbers == {}
        else:
            with pytest.raises(asyncpg.LockNotAvailableError):
                await answer
    assert await rig.statuses() == ["queued"]
    assert await rig.pool.fetch(_ATTEMPTS) == []


async def test_a_job_cannot_be_rescued_while_it_is_intended_for(rig: Rig) -> None:
    jobs = await rig.claimed(1, lease=timedelta(milliseconds=400))
    async with rig.pool.acquire() as holder, rig.pool.acquire() as connection, rig.pool.acquire() as rescuer:
        async with holder.transaction():
            await holder.execute("SELECT FROM message WHERE id = $1 FOR UPDATE", jobs[0].id)
            answer = asyncio.ensure_future(rig.intend(connection, jobs))
            await waiting_for_lock(rig, connection.get_server_pid())
            await all_leases_over(rig)
            assert await rescue.rescue(rescuer) == []  # its row is locked: skipped
        with pytest.raises(asyncpg.LockNotAvailableError):
            await answer
        assert [one.id for one in await rescue.rescue(rescuer)] == [jobs[0].id]


async def test_plans_stay_right(rig: Rig) -> None:
    """Made while the tables were empty, used when they hold 20,000: a whole scan would take a second and more."""
    async with rig.pool.acquire() as connection:
        assert (await rig.intend(connection, await _nobodys(rig))).numbers == {}
        made = ids.new_many(20_000)
        await connection.execute(_MESSAGES, made, rig.tenant, rig.trigger)
        rows = [(id, rig.tenant, QUEUE, "letter", 2, 7, None, None, None, None) for id in made]
        await add.copy(connection, [(*row[:6], ids.made_at(row[0]), *row[7:]) for row in rows])
        jobs = sorted(await rig.claim(100), key=lambda job: job.id)
        before = await _read(connection)
        assert len((await rig.intend(connection, jobs)).numbers) == 100
        assert await _read(connection) == before


async def _nobodys(rig: Rig) -> list[Job]:
    new = rig.job()
    return [Job(new.id, new.tenant_id, QUEUE, "letter", 2, 7, ids.made_at(new.id), 1, 0, 1, 0, None, None, None)]


async def _read(connection: Connection) -> int:
    """Rows read by sequential scans of what an intent touches."""
    await connection.execute("SELECT pg_stat_force_next_flush()")
    await connection.execute("SELECT pg_stat_clear_snapshot()")
    sql = (
        "SELECT sum(seq_tup_read)::bigint FROM pg_stat_user_tables"
        " WHERE relname ~ '^(job|message_[0-9]|attempt|trigger_c)'"
    )
    return int(await connection.fetchval(sql))


async def test_whoever_has_lost_a_job_says_nothing_of_the_attempt_of_another(rig: Rig) -> None:
    """Held up before it looked, it finds what another is about to send, and takes it for an attempt of one who died."""
    (stale,) = await rig.claimed(1, lease=timedelta(minutes=1))
    await rig.run_out(stale)
    async with rig.pool.acquire() as connection:
        await rescue.rescue(connection)
        (job,) = await rig.claim(1, lease=timedelta(minutes=1))
        await rig.intend(connection, [job])
        told = Verdict(
            status=Status.QUEUED,
            after=timedelta(seconds=1),
            attempt="uncertain",
            possible_duplicate=True,
            reason="dead",
        )
        for one, outcome in ((stale, "intent"), (job, "uncertain")):
            async with connection.transaction():
                await record(connection, [Ending(one, Status.SENDING, 1, told)], slot=1)
            assert await connection.fetchval("SELECT status FROM attempt") == outcome


async def test_whoever_has_lost_a_job_still_says_what_came_of_its_own_attempt(rig: Rig) -> None:
    (job,) = await rig.claimed(1, lease=timedelta(minutes=1))
    sent = Verdict(status=Status.SENT, attempt="accepted", provider_id="250 ok")
    async with rig.pool.acquire() as connection:
        await rig.intend(connection, [job])
        await rig.run_out(job)
        await rescue.rescue(connection)
        assert await record(connection, [Ending(job, Status.SENDING, 1, sent)], slot=1) == set()
        assert await connection.fetchval("SELECT status FROM attempt") == "accepted"
    assert await rig.statuses() == ["sending"]
