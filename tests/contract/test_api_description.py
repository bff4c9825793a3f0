"""What the API says of itself: health, and an OpenAPI document that is true."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel
from tests.support.api import Api, Bell, open_api
from tests.support.postgres import Databases
from tests.support.providers import twilio_account
from tests.support.things import make_things

from clarion import clock
from clarion.api import callbacks, engagement, feed, feed_stream, unsubscribe
from clarion.api.app import OPERATIONS, build_api, routes
from clarion.api.openapi import describe
from clarion.api.schema.base import Problem
from clarion.api.server import ApiServer
from clarion.api.services import Services
from clarion.flows.rates import destination_pace
from clarion.inbox.live import Live

#: Operations for who has no key.
KEYLESS = {callbacks.ID, *(id for _, id, _ in unsubscribe.OPERATIONS)}
#: Those for recipients.
BY_TOKEN = {one.id for one in feed.OWN_OPERATIONS} | {route["operation_id"] for _, route in feed_stream.routes()}
KEYLESS |= {id for id, *_ in engagement.OPERATIONS.values()}


@pytest.fixture(scope="module")
async def api(databases: Databases) -> AsyncIterator[Api]:
    async with databases.migrated() as url, open_api(url, accounts=[twilio_account()]) as api:
        yield api


async def test_a_ready_api_says_so_without_a_key(api: Api) -> None:
    nobody = {"authorization": ""}
    for path in ("/livez", "/healthz", "/readyz", "/startupz"):
        reply = await api.call("GET", path, headers=nobody)
        assert (reply.status, reply.body) == (200, b"ok\n")
    verbose = await api.call("GET", "/readyz?verbose", headers=nobody)
    assert verbose.json == {"ready": True, "checks": {"database": "ok", "migrations": "ok"}}


async def test_an_api_without_schema_or_database_is_alive_but_not_ready(databases: Databases) -> None:
    async with databases.empty() as url, asyncio.TaskGroup() as group:
        from clarion.store.database import open_pool

        pool = await open_pool(url, size=2, statement_timeout_s=5, application_name="test-api")
        services = Services(pool=pool, secret=b"s" * 32, wake=lambda _: None, live=Live(pool, Bell()))
        server = ApiServer(build_api(services), host="127.0.0.1", port=0, closing=services.closing, drain_s=1)
        group.create_task(server.run())
        await server.listening.wait()
        api = Api(port=server.port, pool=pool, services=services, keys={"one": "none"})
        try:
            assert (await api.call("GET", "/readyz")).status == 503
            assert "clarion migrate" in (await api.call("GET", "/readyz?verbose")).json["checks"]["migrations"]
            await pool.close()
            assert "away" in (await api.call("GET", "/readyz?verbose")).json["checks"]["database"]
            assert (await api.call("GET", "/livez")).status == 200
            reply = await api.call("GET", "/v1/topics/x")
            assert (reply.status, reply.code, reply.headers["retry-after"]) == (503, "unavailable", "1")
        finally:
            server.stop()


async def test_metrics_tell_of_queues_and_requests(api: Api) -> None:
    await make_things(api, "one", suffix="-measured")
    await api.call("GET", "/v1/topics/none")
    text = (await api.call("GET", "/metrics")).body.decode()
    assert 'clarion_http_requests_total{operation="getTopic",status="404"}' in text
    assert 'clarion_queue_depth{queue="expand",state="ready"}' in text
    assert 'clarion_queue_oldest_waiting_seconds{queue="expand"}' in text
    assert "clarion_build_info" in text
    assert "ana" not in text


async def test_the_document_has_every_operation_with_its_words(api: Api) -> None:
    reply = await api.call("GET", "/openapi.json", headers={"authorization": ""})
    document = reply.json
    assert document == describe(OPERATIONS), "what is in the documentation is what is served"
    assert document["openapi"].startswith("3.1")
    served = {
        (route.path, method.lower())
        for route in routes(api.services)
        if route.include_in_schema
        for method in route.methods or ()
    }
    assert served == {(path, method) for path, methods in document["paths"].items() for method in methods}
    described = {
        one["operationId"]: one for path in document["paths"].values() for one in path.values() if "operationId" in one
    }
    assert described.keys() == {operation.id for operation in OPERATIONS} | KEYLESS | BY_TOKEN
    assert all({"token": []} in described[id]["security"] for id in BY_TOKEN)
    assert all(described[id]["security"] == [] for id in KEYLESS), "no key is asked for"
    schemas = document["components"]["schemas"]
    for operation in OPERATIONS:
        said = described[operation.id]
        assert said["summary"]
        assert {"401", "403", "404", "422", "429"} <= said["responses"].keys()
        assert {str(status) for status in operation.answers} <= said["responses"].keys()
        if operation.input is not None and not operation.asks:
            name = said["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
            assert schemas[name]["additionalProperties"] is False
            assert schemas[name].get("examples") or "recipients" in schemas[name]["properties"], name
    parts = {f"#/components/{kind}/{name}" for kind, all in document["components"].items() for name in all}
    assert sorted(references(document) - parts) == []


async def test_answers_are_as_the_document_says(api: Api) -> None:
    things = await make_things(api, "one", suffix="-described")
    item = "fed_" + "0" * 32
    bodies: dict[str, Any] = {
        "putRecipients": {"recipients": [{"id": "new"}, {"id": "?"}]},
        "addTopicMembers": {"ids": [things.ids["recipients"]]},
        "removeTopicMembers": {"ids": [things.ids["recipients"]]},
        **{key: {"all": True} for key in ("seeFeed", "readFeed", "archiveFeed")},
        **{key: {"ids": [item]} for key in ("unreadFeed", "unarchiveFeed", "unsnoozeFeed")},
        "snoozeFeed": {"ids": [item], "until": (clock.now() + timedelta(days=1)).isoformat()},
        "triggerWorkflow": {"recipients": [things.ids["recipients"]]},
        "previewWorkflow": {"recipient": things.ids["recipients"]},
        "previewSchedule": {"cron": "@daily"},
        "putSchedule": {"cron": "@daily", "do": [{"timer.cancel": {"key": "'other'"}}]},
        "putDevice": {"token": "token:of-a-phone"},
        "putChat": {"provider": "telegram"},
        "putRecipient": {"email": "ana@example.com"},
        "addAddress": {"address": "ana@example.com"},
        "changeAddress": {"verified": True},
        "createWebhook": {"url": "https://hooks.invalid/"},
        "changeWebhook": {"url": "https://hooks.invalid/"},
        "cleanQueue": {"older_than_s": 1_000_000},
        **{f"set{kind}Rate": {"rate": "20/s"} for kind in ("Queue", "Tenant", "Category", "Provider")},
        "addSuppressions": {"suppressions": [{"address": "x@example.com"}, {"address": "?"}]},
        "putTimer": {"in": "1h", "actions": [{"timer.cancel": {"key": "other"}}]},
    }
    for operation in sorted(OPERATIONS, key=lambda one: (one.method == "DELETE", one.id == "cancelTrigger")):
        body = bodies.get(operation.id, {}) if operation.input is not None and not operation.asks else None
        if operation.id in ("followTrigger", "testProvider"):  # a stream, and a provider: with tests of their own
            continue
        if operation.id == "forgetDomain":  # one that has asked for patience, since its account was resumed
            asked = "INSERT INTO destination (name, per_second) VALUES ($1, 1)"
            await api.pool.execute(asked, destination_pace("twilio:main", things.ids["domains"]))
        raw = b"a file" if operation.raw else None
        reply = await api.call(operation.method, things.path(operation.path), body, raw=raw)
        assert reply.status in operation.answers, (operation.id, reply)
        model: type[BaseModel] | None = operation.answers[reply.status]
        if model is None:
            assert reply.status == 204 or reply.headers["content-type"].startswith("text/plain")
        else:
            assert model.model_validate_json(reply.body).model_dump(exclude_unset=True).keys() == reply.json.keys()
    Problem.model_validate_json((await api.call("GET", "/v1/topics/none")).body)


def references(node: object) -> set[str]:
    """Every `$ref` in a document."""
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*map(references, node.values()))
    return set().union(*map(references, node)) if isinstance(node, list) else set()
