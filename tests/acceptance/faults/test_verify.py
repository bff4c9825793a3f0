"""`verify` finds what is broken on purpose, rule by rule, and nothing on a system that is well (PROMISES P20)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from tests.support.cluster import Cluster, open_cluster, people
from tests.support.nursery import Nursery
from tests.support.oracle import assert_survived
from tests.support.postgres import Databases
from tests.support.process import Injection
from tests.support.wait import wait_until

from clarion.flows.verify import SAYS, verify

_LEASE = timedelta(seconds=2)
#: Which of the messages were repeated is chance: those that are spoilt are not among them.
_ONCE = "attempts = 1 AND NOT possible_duplicate"
_A_SENT_ONE = f"(SELECT id FROM message WHERE status = 'sent' AND channel = 'email' AND {_ONCE} LIMIT 1)"
_ITS_TRIGGER = "(SELECT id FROM trigger WHERE workflow_key = 'both' LIMIT 1)"
_QUEUED = f"UPDATE message SET status = 'queued', ended_at = NULL WHERE id = {_A_SENT_ONE}"
_ANOTHER_ATTEMPT = (
    "INSERT INTO attempt (message_id, number, fence, tenant_id, ended_at, status, provider, worker)"
    " SELECT id, 2, 9, tenant_id, now(), 'uncertain', 'smtp', 'w' FROM message"
)
_A_TIMER = "INSERT INTO timer (id, tenant_id, key, status, fire_at, fired_at, actions)"

#: Rule → what breaks it.
PLANTED = {
    "open_trigger_has_job": f"UPDATE trigger SET status = 'expanding' WHERE id = {_ITS_TRIGGER}",
    "open_message_has_job": _QUEUED,
    "job_has_message": "INSERT INTO job (id, tenant_id, run_at, priority, lane, queue, kind)"
    " SELECT gen_random_uuid(), id, now(), 2, 1, 'email', 'deliver' FROM tenant",
    "sending_has_intent": f"WITH one AS (UPDATE message SET status = 'sending' WHERE id = {_A_SENT_ONE} RETURNING id)"
    " DELETE FROM attempt WHERE message_id IN (SELECT id FROM one)",
    "attempts_are_numbered": f"UPDATE message SET attempts = attempts + 1 WHERE id = {_A_SENT_ONE}",
    "sent_has_proof": f"DELETE FROM attempt WHERE message_id = {_A_SENT_ONE}",
    "reports_are_noted": f"UPDATE message SET status = 'delivered' WHERE id = {_A_SENT_ONE}",
    "duplicates_are_labelled": f"{_ANOTHER_ATTEMPT} WHERE id = {_A_SENT_ONE}",
    "hold_is_never_repeated": f"{_ANOTHER_ATTEMPT} WHERE workflow_key = 'mail-hold' AND {_ONCE} LIMIT 1",
    "intents_precede_ends": "UPDATE attempt SET ended_at = intended_at - interval '1 s'",
    "no_intent_is_left_alone": "WITH one AS (UPDATE message SET status = 'sending', attempts = 1, ended_at = NULL"
    f" WHERE id = {_A_SENT_ONE} RETURNING id) UPDATE attempt SET status = 'intent', ended_at = NULL,"
    " intended_at = now() - interval '1 min' WHERE message_id IN (SELECT id FROM one)",
    "nothing_is_overdue": "WITH one AS (UPDATE message SET status = 'queued', expires_at = now() - interval '2 h'"
    f" WHERE id = {_A_SENT_ONE} RETURNING *) INSERT INTO job (id, tenant_id, run_at, priority, lane, queue, kind)"
    " SELECT id, tenant_id, now(), 2, 1, 'email', 'deliver' FROM one",
    "nothing_is_sent_after_cancel": "INSERT INTO trigger_cancel (trigger_id, tenant_id, created_at)"
    f" SELECT id, tenant_id, created_at FROM trigger WHERE id = {_ITS_TRIGGER}",
    "counts_equal_rows": f"UPDATE message SET status = 'bounced' WHERE id = {_A_SENT_ONE}",
    "runs_equal_expanded": "DELETE FROM run WHERE id = (SELECT id FROM run LIMIT 1)",
    "waiting_run_has_job": "DELETE FROM job WHERE kind = 'advance'",
    "job_has_waiting_run": "UPDATE run SET status = 'completed' WHERE status = 'running'",
    "waiting_equals_rows": "UPDATE trigger_waiting SET waiting = waiting + 1",
    "completed_has_nothing_open": _QUEUED,
    "in_app_is_in_the_feed": "DELETE FROM feed_item WHERE message_id = (SELECT message_id FROM feed_item LIMIT 1)",
    "feed_counters_equal_rows": "UPDATE feed_counter SET unread = unread + 1",
    "topic_counts_equal_rows": "UPDATE topic SET member_count = member_count + 1",
    "inbound_has_its_triggers": "INSERT INTO inbound (id, tenant_id, at, source, state, message_id, triggers)"
    " SELECT gen_random_uuid(), id, now(), 1, 0, 'm', ARRAY[gen_random_uuid()] FROM tenant",
    "quarantined_is_kept": "INSERT INTO inbound (id, tenant_id, at, source, state, message_id)"
    " SELECT gen_random_uuid(), id, now(), 1, 1, 'm' FROM tenant",
    "keys_are_unique": "UPDATE trigger SET idempotency_key = 'the same'",
    "pending_timer_has_job": f"{_A_TIMER} SELECT gen_random_uuid(), id, 'k', 'pending', now(), NULL, '[]' FROM tenant",
    "job_has_timer": "INSERT INTO job (id, tenant_id, run_at, priority, lane, queue, kind, key)"
    " SELECT gen_random_uuid(), id, now() + interval '1 d', 2, 1, 'timers', 'fire', 'k' FROM tenant",
    "no_timer_is_early": f"{_A_TIMER} SELECT gen_random_uuid(), id, 'k', 'fired', now(), now() - interval '1 ms', '[]'"
    " FROM tenant",
    "no_timer_is_late": f"WITH one AS ({_A_TIMER} SELECT gen_random_uuid(), id, 'k', 'pending', now() - interval '2 h',"
    " NULL, '[]' FROM tenant RETURNING *) INSERT INTO job (id, tenant_id, run_at, priority, lane, queue, kind, key)"
    " SELECT id, tenant_id, fire_at, 2, 1, 'timers', 'fire', key FROM one",
    "schedule_has_job": "INSERT INTO schedule (tenant_id, key, origin, cron, timezone, catch_up, catch_up_limit,"
    " jitter, actions, hash, next_at)"
    " SELECT id, 'k', 'api', '0 8 * * *', 'UTC', 'skip', 1, '0', '[]', 'h', now() FROM tenant",
    "one_run_per_nominal_time": "INSERT INTO schedule_run (id, tenant_id, schedule_key, nominal_at, due_at, ran_at,"
    " status) SELECT gen_random_uuid(), id, 'k', now(), now(), now(), 'done' FROM tenant, generate_series(1, 2)",
}
#: Rule → the index that keeps it, and is in the way of breaking it.
KEPT_BY = {"keys_are_unique": "trigger_idempotency", "one_run_per_nominal_time": "schedule_run_once"}


@pytest.fixture(scope="module")
async def healthy(
    databases: Databases, nursery: Nursery, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[str]:
    """A database in which everything has happened once: sent, delivered, failed, held, retried, cancelled."""
    async with databases.migrated() as url:
        async with open_cluster(url, tmp_path_factory.mktemp("healthy"), nursery=nursery) as cluster:
            await _everything(cluster)
        yield url


@pytest.fixture
async def copy(databases: Databases, healthy: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to a copy of it, to be spoilt."""
    name = urlsplit(healthy).path[1:]
    admin = await asyncpg.connect(databases.url)
    try:
        await admin.execute(f'CREATE DATABASE "{name}_copy" TEMPLATE "{name}"')
        connection = await asyncpg.connect(urlunsplit(urlsplit(healthy)._replace(path=f"/{name}_copy")))
        try:
            yield connection
        finally:
            await connection.close()
            await admin.execute(f'DROP DATABASE "{name}_copy" WITH (FORCE)')
    finally:
        await admin.close()


def test_there_is_something_planted_for_each_rule() -> None:
    assert set(PLANTED) == set(SAYS)


@pytest.mark.parametrize("rule", SAYS)
async def test_what_is_planted_is_found(copy: asyncpg.Connection, rule: str) -> None:
    assert await verify(copy, lease=_LEASE) == [], "it was well before"
    if rule in KEPT_BY:
        await copy.execute(f"DROP INDEX {KEPT_BY[rule]}")
    assert (await copy.execute(PLANTED[rule])).split()[-1] != "0", "something was spoilt"
    found = {violation.rule: violation for violation in await verify(copy, lease=_LEASE)}
    assert rule in found
    assert found[rule].count >= 1
    assert found[rule].examples
    assert found[rule].says == SAYS[rule]


async def test_a_system_under_load_is_well_at_every_moment(cluster: Cluster) -> None:
    """Work in progress breaks no rule: each look is one snapshot."""
    await cluster.topic("guests", people("guest", 300))
    await cluster.trigger("both", people("guest", 300), topic="guests")
    await cluster.trigger("mail-hold", people("other", 50))
    doomed = await cluster.worker(Injection("send:after", nth=8))
    await cluster.worker()
    looks = 0
    async with cluster.pool.acquire() as connection:
        while doomed.alive or looks < 5:
            assert await verify(connection, lease=timedelta(seconds=30)) == [], cluster.log()
            looks += 1
            await asyncio.sleep(0)
    await assert_survived(cluster)


async def _everything(cluster: Cluster) -> None:
    await cluster.sink("at=rcpt,do=reply,code=550,to=guest00003@guests.example", "at=accepted,do=reset,times=1,skip=4")
    await cluster.topic("guests", people("guest", 20))
    await cluster.trigger("mail-hold", people("other", 8))
    doomed = await cluster.worker(Injection("send:after"))
    await wait_until(lambda: not doomed.alive, 30, "the worker dies")
    await cluster.trigger("both", people("guest", 20), topic="guests")
    await cluster.trigger("mail-retry", people("third", 5), idempotency_key="one key")
    worker = await cluster.worker()
    await cluster.trigger("later", people("fourth", 3))
    await assert_survived(cluster, ends=["sent", "delivered", "failed"])
    await cluster.trigger("much-later", people("fifth", 3))
    await cluster.until("3 = (SELECT count(*) FROM run WHERE status = 'running')")
    await worker.stop()
