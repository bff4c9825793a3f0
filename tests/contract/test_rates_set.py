"""Rates come from workflows, settings and operators, and jobs are marked by those that have one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from tests.support.api import open_api
from tests.support.cluster import open_cluster, people
from tests.support.command import clarion
from tests.support.steps import open_steps

from clarion.domain.rate import Rate
from clarion.domain.step import Channel, ChannelStep, DelayStep
from clarion.domain.workflow import Workflow
from clarion.flows.apply import apply
from clarion.flows.rates import category_pace, set_rates, tenant_pace
from clarion.flows.rows import pace_of
from clarion.project.project import Draft
from clarion.queue import add, buried, limits, settle
from clarion.queue.job import NewJob, lane_of
from clarion.queue.paced import claim_paced
from clarion.store.database import Pool, open_pool
from clarion.templates.source import Bundle

QUEUE = "letters"
SECOND = timedelta(seconds=1)


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    pool = await open_pool(database, size=2, statement_timeout_s=30, application_name="tests")
    yield pool
    await pool.close()


async def test_a_workflow_with_a_rate_marks_its_jobs_and_one_without_does_not(database: str) -> None:
    mail = ChannelStep(key="email", channel=Channel.EMAIL, template="email")
    delayed = DelayStep(key="wait", length=timedelta(hours=1))

    def draft(key: str, rate: Rate | None) -> Draft:
        workflow = Workflow(key=key, steps=(mail, delayed, mail), rate=rate)
        return Draft(workflow=workflow, bundle=Bundle(), file=f"workflows/{key}.yaml")

    async with open_steps(database) as steps:
        async with steps.pool.acquire() as connection:
            await apply(connection, steps.tenant_id, [draft("w", Rate(per_second=20, burst=5)), draft("free", None)])
        name = pace_of(steps.tenant_id, "w")
        await steps.trigger(["ana", "bea"])
        await steps.trigger(["cem"], key="free")
        await steps.time_comes()
        marked = "SELECT pace, lane, count(*) FROM job WHERE kind = 'deliver' GROUP BY 1, 2 ORDER BY 3"
        assert [tuple(row) for row in await steps.pool.fetch(marked)] == [
            (None, lane_of(steps.tenant_id), 2),
            (name, lane_of(steps.tenant_id, name), 4),
        ]
        assert lane_of(steps.tenant_id, name) >= 64
        await steps.assert_well()
        async with steps.pool.acquire() as connection:
            (pace,) = (await limits.find(connection, [name])).values()
            assert (pace.per_second, pace.burst, pace.set_by) == (20, 5, limits.SetBy.WORKFLOW)
            await apply(connection, steps.tenant_id, [draft("w", None)])
            assert await limits.find(connection, [name]) == {}, "what waits goes as fast as can be"


async def test_a_job_that_was_buried_keeps_to_its_rate_when_it_is_redriven(pool: Pool) -> None:
    async with pool.acquire() as connection:
        await add.add(connection, NewJob(queue=QUEUE, kind="letter", tenant_id=uuid4(), pace="workflow:slow"))
        (job,) = await claim_paced(connection, QUEUE, {}, 10, usual=5, worker="w", lease=SECOND)
        await settle.bury(connection, {job: "of no use"})
        await buried.redrive(connection, QUEUE)
        (again,) = await claim_paced(connection, QUEUE, {}, 10, usual=5, worker="w", lease=SECOND)
    assert (again.id, again.pace, again.lane) == (job.id, job.pace, job.lane)


async def test_what_settings_set_and_what_an_operator_set(pool: Pool) -> None:
    async def found() -> dict[str, float]:
        async with pool.acquire() as connection:
            paces = await limits.find(connection, ["queue:email", "queue:in_app", "provider:smtp"])
        return {name: pace.per_second for name, pace in paces.items()}

    await set_rates(pool, {"queue:email": Rate(per_second=20), "provider:smtp": Rate(per_second=5)})
    assert await found() == {"queue:email": 20, "provider:smtp": 5}
    async with pool.acquire() as connection:
        await limits.define(connection, "queue:email", 50)
        await limits.pause(connection, "provider:smtp", 60 * SECOND, "asked for")
    await set_rates(pool, {"queue:email": Rate(per_second=30), "queue:in_app": Rate(per_second=7)})
    assert await found() == {"queue:email": 50, "queue:in_app": 7}, "by hand it stands; what is set no more is free"
    async with pool.acquire() as connection:
        assert await limits.paused(connection, ["provider:smtp"]), "a pause is nobody's setting"
        assert await limits.free(connection, "queue:email")
        assert not await limits.free(connection, "queue:email")
    await set_rates(pool, {"queue:email": Rate(per_second=30)})
    assert await found() == {"queue:email": 30}


async def test_over_http(database: str) -> None:
    async with open_api(database) as api:
        path = "/v1/queues/email/rate"
        answer = await api.call("PUT", path, {"rate": "20/s", "burst": 5})
        limited = {"limit": "queue:email", "rate": "20/s", "burst": 5, "reserve": 0.0, "set_by": "hand"}
        assert (answer.status, answer.json["rates"]) == (200, [limited])
        assert (await api.call("GET", "/v1/queues/email")).json["rates"] == [limited]
        assert (await api.call("PUT", path, {"rate": "100/m burst 3"})).json["rates"][0]["burst"] == 3
        for body, code in [({"rate": "fast"}, "invalid_rate"), ({"rate": "0/s"}, "invalid_rate"), ({}, "missing")]:
            refused = await api.call("PUT", path, body)
            assert (refused.status, refused.json["errors"][0]["code"]) == (422, code)
        assert (await api.call("PUT", path, {"rate": "20/s", "burst": 0})).status == 422
        assert (await api.call("PUT", "/v1/queues/none/rate", {"rate": "20/s"})).status == 404
        assert (await api.call("DELETE", path)).json["rates"] == []
        assert (await api.call("DELETE", path)).status == 200


async def test_from_the_command_line(database: str) -> None:
    async with open_api(database) as api:
        asked = ("--url", f"http://127.0.0.1:{api.port}", "--api-key", api.keys["one"])
        done = await clarion("queues", "email", "--rate", "20/s burst 5", "--json", *asked)
        assert [one["rates"][0]["rate"] for one in done.lines] == ["20/s"]
        assert "20/s burst 5" in (await clarion("queues", "email", *asked)).out
        for rate, says in [
            ("20", "'20' is not a rate: did you mean 20/s?"),
            ("-5/s", "'-5/s' is not a rate: write for example 20/s"),
            ("20/fortnight", "'20/fortnight' is not a rate: write for example 20/s"),
            ("0/s", "'0/s' is out of range: from 1/d to 1000000/s"),
            ("20/s burst 0", "a burst is from 1 to 1000000, not 0"),
            ("", "is not a rate"),
        ]:
            refused = await clarion("queues", "email", "--rate", rate, *asked)
            assert refused.code == 1, refused
            assert says in refused.err, refused.err
            assert "Traceback" not in refused.err
        typo = await clarion("queues", "emial", "--rate", "20/s", *asked)
        assert typo.code == 3
        assert "there is no queue emial: did you mean `email`?" in typo.err
        assert (await clarion("queues", "--rate", "20/s", *asked)).code == 2, "of which queue?"
        still = (await clarion("queues", "email", "--json", *asked)).lines
        assert still[0]["rates"][0]["burst"] == 5, "what was refused has changed nothing"
        lifted = await clarion("queues", "email", "--rate", "none", "--json", *asked)
        assert [one["rates"] for one in lifted.lines] == [[]]


async def test_mails_of_two_worker_processes_leave_at_the_rate_of_the_server(database: str, tmp_path: Path) -> None:
    async with open_cluster(database, tmp_path) as cluster:
        await cluster.sink()
        for _ in range(2):
            await cluster.worker(email_rate="20/s", concurrency="email=5")
        await cluster.trigger("mail-retry", people("guest", 100))
        await cluster.until("(SELECT count(*) FROM attempt WHERE status = 'accepted') >= $1", 70)
        rows = await cluster.pool.fetch("SELECT intended_at, worker FROM attempt ORDER BY intended_at")
        times = [row["intended_at"] for row in rows]
        most = max(sum(at <= later < at + SECOND for later in times) for at in times)
        assert most <= 25
        assert times[69] - times[0] >= timedelta(seconds=69 / 20 - 0.3)
        assert len({row["worker"] for row in rows}) == 2
        await cluster.pool.execute("UPDATE rate_limit SET per_second = 10000 WHERE name = 'provider:smtp'")
        await cluster.until("(SELECT count(*) FROM message WHERE status = 'sent') = $1", 100)


async def test_all_limits_with_what_waits_over_http(database: str) -> None:
    async with open_api(database, carriers={"sms": ["twilio:main"]}) as api:
        answer = await api.call("PUT", "/v1/tenants/one/rate", {"rate": "20/s burst 5 reserve 10%"})
        limited = {
            **{"limit": "tenant:one", "kind": "tenant", "name": "one", "tenant": "one", "rate": "20/s", "burst": 5},
            **{"reserve": 0.1, "set_by": "hand", "paused_until": None, "reason": None, "waiting": 0, "capped": False},
        }
        assert (answer.status, answer.json) == (200, limited)
        for path in ("tenants/two", "categories/news", "providers/main", "queues/sms"):
            assert (await api.call("PUT", f"/v1/{path}/rate", {"rate": "5/s"})).status == 200
        one, two = api.tenants["one"], api.tenants["two"]
        pace = limits.together([category_pace("news"), tenant_pace(one)])
        async with api.pool.acquire() as connection:
            await limits.define(connection, pace_of(one, "w"), 3, set_by=limits.SetBy.WORKFLOW)
            await limits.define(connection, pace_of(two, "secret"), 3, set_by=limits.SetBy.WORKFLOW)
            await limits.pause(connection, "provider:twilio:main", 60 * SECOND, "HTTP 429")
            await add.add_many(
                connection,
                [
                    *(NewJob(queue="email", kind="deliver", tenant_id=one, pace=pace) for _ in range(3)),
                    NewJob(queue="sms", kind="deliver", tenant_id=two, pace=tenant_pace(two), priority=0),
                    NewJob(queue="sms", kind="deliver", tenant_id=two, pace=category_pace("news")),
                ],
            )
        items = (await api.call("GET", "/v1/limits")).json["items"]
        assert {item["limit"]: item["waiting"] for item in items} == {
            **{"category:news": 4, "provider:twilio:main": 2, "queue:sms": 2, "tenant:one": 3, "tenant:two": 1},
            **{"workflow:w": 0, "workflow:secret": 0},
        }
        (paused,) = [item for item in items if item["reason"]]
        assert (paused["limit"], paused["reason"]) == ("provider:twilio:main", "HTTP 429")
        own = await api.new_key("two", ["queues:read"])
        seen = await api.call("GET", "/v1/limits", headers={"authorization": f"Bearer {own}"})
        assert [item["limit"] for item in seen.json["items"]] == [
            *("category:news", "provider:twilio:main", "queue:sms", "tenant:two", "workflow:secret")
        ], "what is of another tenant is not told"
        for _ in range(2):
            assert (await api.call("DELETE", "/v1/categories/news/rate")).status == 204
        left = [item["limit"] for item in (await api.call("GET", "/v1/limits")).json["items"]]
        assert "category:news" not in left


async def test_limits_that_cannot_be(database: str) -> None:
    async with open_api(database, carriers={"sms": ["twilio:main"]}) as api:
        for path, status, says in [
            ("tenants/ones", 404, "there is no tenant ones: did you mean `one`?"),
            ("categories/News", 422, "`News` is not a name; use a-z, 0-9, - and _, for example `news`"),
            ("providers/mian", 404, "there is no account mian: did you mean `main`?"),
            ("queues/emial", 404, "did you mean `email`?"),
        ]:
            refused = await api.call("PUT", f"/v1/{path}/rate", {"rate": "5/s"})
            assert refused.status == status, path
            assert says in refused.json["detail"], refused.json
        for body, code in [
            ({"rate": "5"}, "invalid_rate"),
            ({"rate": "0/s"}, "invalid_rate"),
            ({"rate": "5/s reserve 99%"}, "invalid_rate"),
            ({"rate": 5}, "type"),
            ({}, "missing"),
        ]:
            refused = await api.call("PUT", "/v1/tenants/one/rate", body)
            assert (refused.status, refused.json["errors"][0]["code"]) == (422, code)
        assert (await api.call("GET", "/v1/limits")).json["items"] == []


async def test_limits_from_the_command_line(database: str) -> None:
    async with open_api(database) as api:
        asked = ("--url", f"http://127.0.0.1:{api.port}", "--api-key", api.keys["one"])
        done = await clarion("limits", "set", "tenant:one", "20/s reserve 10%", "--json", *asked)
        assert [(one["limit"], one["rate"]) for one in done.lines] == [("tenant:one", "20/s")]
        assert "20/s reserve 10%" in (await clarion("limits", "list", *asked)).out
        typo = await clarion("limits", "set", "tenant:oen", "20/s", *asked)
        assert (typo.code, "did you mean `one`?" in typo.err) == (3, True), typo
        wrong = await clarion("limits", "set", "tenant:one", "20", *asked)
        assert (wrong.code, "did you mean 20/s?" in wrong.err) == (1, True), wrong
        for name in ("one", "tenants:one", "workflow:w"):
            assert (await clarion("limits", "set", name, "20/s", *asked)).code == 2
        queue = await clarion("limits", "set", "queue:email", "9/s", "--json", *asked)
        assert [(one["limit"], one["rate"]) for one in queue.lines] == [("queue:email", "9/s")]
        assert (await clarion("limits", "lift", "queue:email", *asked)).code == 0
        assert (await clarion("limits", "lift", "tenant:one", *asked)).code == 0
        assert (await clarion("limits", "list", "--json", *asked)).lines == []
