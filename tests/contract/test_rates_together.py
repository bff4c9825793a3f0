"""A job under several limits keeps to each of them: of its tenant, its category, its workflow, its queue."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import pytest
from tests.support.post import TENANT, Post, most_within
from tests.support.steps import open_steps
from tests.support.wait import wait_until

from clarion.domain.rate import Rate
from clarion.domain.step import Channel, ChannelStep
from clarion.domain.workflow import Workflow
from clarion.flows.marks import Marks, pace_now
from clarion.flows.rates import category_pace, set_rates, tenant_pace
from clarion.flows.rows import DELIVER, pace_of
from clarion.queue import limits
from clarion.queue.job import lane_of
from clarion.store import tenants
from clarion.store.database import Pool, open_pool


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    pool = await open_pool(database, size=12, statement_timeout_s=30, application_name="tests")
    yield pool
    await pool.close()


@pytest.fixture
def post(pool: Pool) -> Post:
    return Post(pool)


async def test_a_job_under_three_limits_keeps_to_each(post: Post) -> None:
    other = uuid4()
    category, mine, its = category_pace("news"), tenant_pace(TENANT), tenant_pace(other)
    await post.define(30, name=category)
    await post.define(10, name=mine)
    await post.define(1_000, name=its)
    await post.define(60)
    ours = set(await post.add(400, pace=limits.together([category, mine])))
    theirs = set(await post.add(400, tenant_id=other, pace=limits.together([category, its])))
    plain = set(await post.add(400, tenant_id=uuid4()))
    async with post.worker("one"), post.worker("two"):
        await post.until(150)
    begun = post.begun
    assert most_within([at for at, id in begun if id in ours], 1) <= 13
    assert most_within([at for at, id in begun if id in ours | theirs], 1) <= 38
    assert most_within([at for at, _ in begun], 1) <= 75
    for some in (ours, theirs, plain):
        assert any(id in some for _, id in begun), "none is shut out by another"
    assert await post.pool.fetchval("SELECT count(*) FROM job WHERE attempts > 0 AND state = 0") == 0, (
        "no wait costs one"
    )


async def test_a_tenants_limit_that_comes_later_counts_for_what_waits_already(post: Post) -> None:
    await post.define(5)
    made = set(await post.add(600, kind=DELIVER))
    async with post.worker("one") as one, post.worker("two") as two:
        await post.until(1)
        await post.define(20, name=tenant_pace(TENANT))
        await post.define(10_000)
        await one.run_once()
        await two.run_once()
        before = len(post.begun)
        others = set(await post.add(300, tenant_id=uuid4(), kind=DELIVER))
        await wait_until(lambda: others <= {id for _, id in post.begun}, timeout=15, what="nobody else is held up")
        assert len(post.begun) - before < 450, "what was in hand already has gone, and what the limit allows"
        before = len(post.begun)
        await post.until(before + 40)
        times = [at for at, id in post.begun[before:] if id in made]
        assert most_within(times, 1) <= 25
        rows = await post.pool.fetch("SELECT pace, lane, attempts FROM job WHERE state = 0 AND pace IS NOT NULL")
        pace = tenant_pace(TENANT)
        assert {tuple(row) for row in rows} == {(pace, lane_of(TENANT, pace), 0)}, "marked, and no attempt spent"


async def test_messages_are_marked_with_all_limits_that_they_fall_under(database: str) -> None:
    mail = ChannelStep(key="email", channel=Channel.EMAIL, template="email")
    workflow = Workflow(key="w", steps=(mail,), category="news", rate=Rate(per_second=5))
    plain = Workflow(key="p", steps=(mail,))
    async with open_steps(database) as steps:
        tenant = tenant_pace(steps.tenant_id)
        marks, nobody = Marks(), uuid4()
        assert marks.of(steps.tenant_id, plain) is None
        marks.learn(frozenset({tenant, category_pace("news")}))
        own = pace_of(steps.tenant_id, "w")
        assert marks.of(steps.tenant_id, workflow) == f"{own}+category:news+{tenant}"
        assert marks.of(steps.tenant_id, plain) == tenant
        assert marks.of(nobody, plain) is None
        async with steps.pool.acquire() as connection:
            assert await pace_now(connection, steps.tenant_id, plain) is None
            await limits.define(connection, tenant, 5)
            assert await pace_now(connection, steps.tenant_id, plain) == tenant


async def test_settings_name_tenants_and_say_which_are_not_there(
    pool: Pool, capsys: pytest.CaptureFixture[str]
) -> None:
    async with pool.acquire() as connection:
        id = await tenants.ensure(connection, "acme")
        await set_rates(pool, {}, tenants={"acme": Rate(per_second=7), "acne": Rate(per_second=8)})
        assert await limits.of(connection, limits.SetBy.SETTINGS) == {tenant_pace(id)}
        assert await limits.reserve(connection, tenant_pace(id), 1, horizon=timedelta(0))
