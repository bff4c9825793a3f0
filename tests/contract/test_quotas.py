"""Quotas of tenants: what waits, and the recipients of a day. Who has none is not asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.support.api import Api, open_api
from tests.support.command import clarion
from tests.support.http import Reply
from tests.support.things import publish

from clarion import clock, ids
from clarion.domain.scope import Scope
from clarion.queue import add
from clarion.queue.job import NewJob

PATH = "/v1/workflows/welcome/trigger"


@pytest.fixture
async def api(database: str) -> AsyncIterator[Api]:
    async with open_api(database) as api:
        for tenant in ("one", "two"):
            await publish(api, "welcome", tenant)
            await api.call("PUT", "/v1/topics/all", {}, tenant=tenant)
            people = [{"id": f"p{number}"} for number in range(20)]
            await api.call("POST", "/v1/recipients/bulk", {"recipients": people}, tenant=tenant)
            members = {"ids": [one["id"] for one in people]}
            await api.call("POST", "/v1/topics/all/members", members, tenant=tenant)
        yield api


async def trigger(api: Api, count: int = 1, tenant: str = "one", **headers: str) -> Reply:
    who: list[Any] = [f"p{number}" for number in range(count)] if count else [{"topic": "all"}]
    return await api.call("POST", PATH, {"recipients": who}, tenant=tenant, headers=headers)


async def bound(api: Api, **quota: int) -> Reply:
    return await api.call("PUT", "/v1/tenants/one/quota", quota)


def look_again(api: Api) -> None:
    """As after a second, and in another process."""
    api.services.allowance.__init__()  # type: ignore[misc]


async def test_a_day_has_so_many_recipients(api: Api) -> None:
    assert (await bound(api, recipients_a_day=30)).json["recipients_today"] == 0
    assert (await trigger(api, 5)).status == 202
    assert (await trigger(api, 0)).status == 202, "twenty members"
    refused = await trigger(api, 6)
    assert (refused.status, refused.code) == (429, "daily_quota")
    assert "5 of 30 are left" in refused.json["detail"]
    until_midnight = (datetime.now(UTC) + timedelta(days=1)).replace(hour=0, minute=0, second=0) - datetime.now(UTC)
    assert abs(int(refused.headers["retry-after"]) - until_midnight.total_seconds()) < 10
    assert refused.headers["ratelimit-policy"] == '"recipients";q=30;w=86400'
    look_again(api)
    assert (await trigger(api, 6)).code == "daily_quota", "the database knows it too"
    sandbox = {"recipients": [{"topic": "all"}], "sandbox": True}
    assert (await api.call("POST", PATH, sandbox)).status == 202, "nobody hears of it"
    kept = await trigger(api, 5, **{"idempotency-key": "last"})
    assert kept.status == 202
    again = await trigger(api, 5, **{"idempotency-key": "last"})
    assert (again.status, again.json["id"]) == (202, kept.json["id"])
    assert (await trigger(api)).code == "daily_quota"
    assert (await trigger(api, 0, tenant="two")).status == 202, "another tenant is bound by nothing"
    await api.pool.execute("UPDATE trigger SET id = $1 WHERE id = $2", *_the_day_before(kept.json["id"]))
    look_again(api)
    assert (await trigger(api, 5)).status == 202, "yesterday's do not count"
    assert (await api.call("DELETE", "/v1/tenants/one/quota")).status == 204
    assert (await trigger(api, 20)).status == 202


def _the_day_before(id: str) -> tuple[Any, Any]:
    return ids.first_at(clock.now() - timedelta(days=1)), ids.parse(ids.Prefix.TRIGGER, id)


async def test_while_so_much_waits_nothing_more_is_taken_on(api: Api) -> None:
    await bound(api, max_waiting=25)
    assert (await trigger(api, 0)).status == 202
    shown = (await api.call("GET", "/v1/tenants/one/quota")).json
    assert (shown["waiting"], shown["recipients_a_day"]) == (20, None), "nothing is expanded, and all of them wait"
    tenant = api.tenants["one"]
    mails = [NewJob(queue="email", kind="deliver", tenant_id=tenant) for _ in range(2)]
    later = clock.now() + timedelta(hours=1)
    mails += [NewJob(queue="sms", kind="deliver", tenant_id=tenant, run_at=later, priority=0)]
    mails += [NewJob(queue="email", kind="deliver", tenant_id=tenant, pace=f"tenant:{tenant}")]
    mails += [NewJob(queue="email", kind="deliver", tenant_id=tenant, pace="category:news")]
    others = [NewJob(queue="email", kind="deliver", tenant_id=api.tenants["two"], pace="category:news")]
    others += [NewJob(queue="timers", kind="fire", tenant_id=tenant)]
    async with api.pool.acquire() as connection:
        await add.add_many(connection, [*mails, *others])
    assert (await api.call("GET", "/v1/tenants/one/quota")).json["waiting"] == 25
    look_again(api)
    refused = await trigger(api)
    assert (refused.status, refused.code, refused.headers["retry-after"]) == (429, "too_much_waiting", "10")
    assert (await trigger(api, tenant="two")).status == 202
    await api.pool.execute("DELETE FROM job WHERE queue = 'sms'")
    look_again(api)
    assert (await trigger(api, 0)).status == 202, "there is room for one, and it may go over"
    assert (await trigger(api)).code == "too_much_waiting", "what was let in is known before it is looked again"


async def test_who_may_set_one_and_how(api: Api) -> None:
    own = await api.new_key("one", [scope for scope in Scope if scope not in (Scope.ALL, Scope.SYSTEM_WRITE)])
    for method in ("GET", "PUT", "DELETE"):
        body: Any = {} if method == "PUT" else None
        reply = await api.call(method, "/v1/tenants/one/quota", body, headers={"authorization": f"Bearer {own}"})
        assert reply.status == 403
    assert (await api.call("PUT", "/v1/tenants/ones/quota", {})).status == 404
    wrong = await api.call("PUT", "/v1/tenants/one/quota", {"max_waiting": -1, "recipients_a_day": True})
    assert set(wrong.pointers) == {"/max_waiting", "/recipients_a_day"}
    where = ("--url", f"http://127.0.0.1:{api.port}", "--api-key", api.keys["one"])
    set_ = await clarion("limits", "quota", "one", "--waiting", "5", "--json", *where)
    assert (set_.code, set_.json["max_waiting"], set_.json["recipients_a_day"]) == (0, 5, None)
    lifted = await clarion("limits", "quota", "one", "--lift", *where)
    assert lifted.code == 0 and "waiting" in lifted.out
    assert (await api.call("GET", "/v1/tenants/one/quota")).json["max_waiting"] is None
