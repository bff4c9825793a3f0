"""Nobody sees, changes or learns of what is another tenant's: every operation, asked for it by id, finds nothing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from tests.support.api import Api, open_api
from tests.support.postgres import Databases
from tests.support.things import Things, make_things

from clarion import clock, ids
from clarion.api.app import OPERATIONS
from clarion.api.operation import Operation
from clarion.ids import Prefix

#: Operations that make what they name: the name is then a new thing of the asking tenant.
CREATES = {"putSchedule", "putRecipient", "putTopic", "putTimer"}

#: Accounts at providers and queues are shared: how they stand is everybody's. What of queues is a tenant's own has a
#: test of its own below.
SHARED = {
    "getQueue",
    "pauseQueue",
    "resumeQueue",
    "setQueueRate",
    "liftQueueRate",
    *(f"{move}TenantQuota" for move in ("get", "set", "lift")),
    *(f"{move}{kind}Rate" for move in ("set", "lift") for kind in ("Tenant", "Category", "Provider")),
    "redriveQueue",
    "cleanQueue",
    "listJobs",
    "getProvider",
    "testProvider",
    "pauseProvider",
    "resumeProvider",
    "forgetDomain",
}

#: Bodies that ask for something that exists, so that only the tenant stands in the way.
BODIES: dict[str, Any] = {
    "addTopicMembers": {"ids": ["ana"]},
    "removeTopicMembers": {"ids": ["ana"]},
    **{key: {"all": True} for key in ("seeFeed", "readFeed", "archiveFeed")},
    **{key: {"ids": ["fed_" + "0" * 32]} for key in ("unreadFeed", "unarchiveFeed", "unsnoozeFeed")},
    "snoozeFeed": {"ids": ["fed_" + "0" * 32], "until": (clock.now() + timedelta(days=1)).isoformat()},
    "mintFeedToken": {},
    "triggerWorkflow": {"recipients": [{"email": "x@example.com"}]},
    "previewWorkflow": {"recipient": {"email": "x@example.com"}},
    "putDevice": {"token": "token:of-a-phone"},
    "addAddress": {"address": "ana@example.com"},
    "changeAddress": {"verified": True},
    "putChat": {"provider": "telegram", "address": "2"},
    "createWebhook": {"url": "https://hooks.invalid/"},
    "changeWebhook": {"url": "https://hooks.invalid/"},
    "rotateWebhook": {},
    "disableWebhook": {},
}


@pytest.fixture(scope="module")
async def api(databases: Databases) -> AsyncIterator[Api]:
    async with databases.migrated() as url, open_api(url) as api:
        yield api


@pytest.fixture(scope="module")
async def things(api: Api) -> Things:
    return await make_things(api, "one")


def by_id() -> list[Operation[Any]]:
    return [one for one in OPERATIONS if "{" in one.path and one.id not in CREATES | SHARED]


@pytest.mark.parametrize("operation", by_id(), ids=lambda operation: operation.id)
async def test_anothers_ids_are_not_found(api: Api, things: Things, operation: Operation[Any]) -> None:
    path = things.path(operation.path)
    body = BODIES.get(operation.id)
    before = await snapshot(api)
    reply = await api.call(operation.method, path, body, tenant="two")
    assert (reply.status, reply.code) == (404, "not_found")
    unknown = await api.call(operation.method, things.unknown_path(operation.path), body, tenant="two")
    assert without_names(reply.json) == without_names(unknown.json)
    assert await snapshot(api) == before


@pytest.mark.parametrize("operation", by_id(), ids=lambda operation: operation.id)
async def test_the_same_request_is_answered_to_its_owner(api: Api, operation: Operation[Any]) -> None:
    """Else the test above would pass for any request that is wrong."""
    things = await make_things(api, "one", suffix="-own")
    body = things.body(BODIES.get(operation.id), operation.path)
    if operation.id == "uncancelTimer":
        await api.call("POST", things.path("/v1/timers/{key}/cancel"))
    reply = await api.call(operation.method, things.path(operation.path), body, tenant="one", until=b"\n\n")
    assert reply.status in (200, 201, 202, 204), reply


async def test_lists_have_what_is_ones_own(api: Api) -> None:
    things = await make_things(api, "one", suffix="-listed")
    for path in ("/v1/triggers", "/v1/runs", "/v1/messages", "/v1/queues/expand/jobs"):
        own = {item["id"] for item in (await api.call("GET", f"{path}?limit=100")).json["items"]}
        others = {item["id"] for item in (await api.call("GET", f"{path}?limit=100", tenant="two")).json["items"]}
        assert own & set(things.ids.values())
        assert not own & others
    for filter in (f"trigger={things.ids['triggers']}", f"recipient={things.ids['recipients']}"):
        for path in ("/v1/messages", "/v1/runs"):
            assert (await api.call("GET", f"{path}?{filter}")).json["items"]
            assert (await api.call("GET", f"{path}?{filter}", tenant="two")).json["items"] == []


async def test_buried_jobs_are_redriven_and_cleaned_by_their_owner(api: Api) -> None:
    made = ids.new_many(2)
    async with api.pool.acquire() as connection:
        for id, tenant in zip(made, ("one", "two"), strict=True):
            await connection.execute(
                "INSERT INTO job_buried (id, tenant_id, queue, kind, priority, attempts, rescues, error, buried_at)"
                " VALUES ($1, $2, 'odd', 'x', 2, 3, 0, 'it broke', clock_timestamp() - interval '1 day')",
                *(id, api.tenants[tenant]),
            )
    of_one = {"ids": [ids.show(Prefix.JOB, made[0])]}
    assert (await api.call("POST", "/v1/queues/odd/redrive", of_one, tenant="two")).json == {"ready": 0, "taken": 0}
    assert (await api.call("POST", "/v1/queues/odd/clean", {"older_than_s": 0}, tenant="two")).json == {"deleted": 1}
    assert (await api.call("GET", "/v1/queues/odd")).json["buried"] == 1
    assert (await api.call("POST", "/v1/queues/odd/clean", {})).json == {"deleted": 0}, "they are kept longer"
    assert (await api.call("POST", "/v1/queues/odd/redrive", {})).json == {"ready": 1, "taken": 0}
    assert "odd" in api.rung
    job = await api.call("GET", f"/v1/jobs/{of_one['ids'][0]}")
    assert (job.json["state"], job.json["queue"]) == ("ready", "odd")
    assert (await api.call("POST", "/v1/queues/none/redrive", {})).status == 404


async def test_records_of_completed_jobs_are_cleaned_by_their_owner_and_queue(api: Api) -> None:
    kept, over = timedelta(days=89), timedelta(days=91)  # the settings of this API keep everything for 90 days
    for tenant, queue, age in (
        *(("one", "publish", kept), ("one", "publish", over), ("one", "email", over), ("two", "publish", over)),
    ):
        await api.pool.execute(
            "INSERT INTO job_done (id, tenant_id, queue, kind, priority, attempts, done_at)"
            " VALUES ($1, $2, $3, 'x', 2, 1, now() - $4::interval)",
            *(ids.new(), api.tenants[tenant], queue, age),
        )

    async def clean(**asked: object) -> object:
        return (await api.call("POST", "/v1/queues/publish/clean", asked)).json

    assert await clean(older_than_s=0) == {"deleted": 0}, "none failed"
    assert await clean(state="completed") == {"deleted": 1}
    assert await clean(state="completed", older_than_s=0) == {"deleted": 1}
    left = await api.pool.fetch("SELECT queue, tenant_id FROM job_done ORDER BY queue")
    assert [tuple(row) for row in left] == [("email", api.tenants["one"]), ("publish", api.tenants["two"])]
    assert (await api.call("POST", "/v1/queues/publish/clean", {"state": "done"})).status == 422


async def test_two_tenants_may_use_the_same_names(api: Api, things: Things) -> None:
    for tenant in ("one", "two"):
        path = things.path("/v1/recipients/{id}")
        assert (await api.call("PUT", path, {"name": tenant}, tenant=tenant)).status in (200, 201)
    for tenant in ("one", "two"):
        assert (await api.call("GET", path, tenant=tenant)).json["name"] == tenant
    assert (await api.call("DELETE", path, tenant="two")).status == 204
    assert (await api.call("GET", path, tenant="one")).status == 200


async def test_another_tenants_recipients_cannot_join_a_topic(api: Api) -> None:
    await api.call("PUT", "/v1/recipients/only-ones", {}, tenant="one")
    await api.call("PUT", "/v1/topics/twos", {}, tenant="two")
    reply = await api.call("POST", "/v1/topics/twos/members", {"ids": ["only-ones"]}, tenant="two")
    assert (reply.code, reply.pointers) == ("unknown_recipient", ["/ids/0"])


async def test_a_cursor_is_good_for_one_tenant_and_one_list(api: Api) -> None:
    things = await make_things(api, "one", suffix="-pages")
    await make_things(api, "two", suffix="-pages")
    path = things.path("/v1/recipients/{id}/feed")
    cursor = (await api.call("GET", f"{path}?limit=1")).json["next"]
    assert (await api.call("GET", f"{path}?after={cursor}")).status == 200
    assert (await api.call("GET", f"{path}?after={cursor}", tenant="two")).code == "invalid_cursor"
    await api.call("PUT", "/v1/recipients/another", {})
    assert (await api.call("GET", f"/v1/recipients/another/feed?after={cursor}")).code == "invalid_cursor"


async def snapshot(api: Api) -> str:
    """All that tenant one has, as the database knows it."""
    async with api.pool.acquire() as connection:
        rows = [
            await connection.fetch(f"SELECT * FROM {table} WHERE tenant_id = $1 ORDER BY 1, 2, 3", api.tenants["one"])
            for table in (
                "recipient",
                "contact",
                "topic",
                "topic_member",
                "suppression",
                "feed_item",
                "feed_counter",
                "trigger",
                "run",
                "job",
            )
        ]
    return json.dumps([[str(dict(row)) for row in table] for table in rows])


def without_names(problem: dict[str, Any]) -> set[str]:
    assert problem.keys() >= {"detail", "instance", "request_id"}
    return set(problem) | {problem["code"], problem["title"]}
