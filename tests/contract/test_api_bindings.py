"""Bindings as they are shown: over HTTP, and on the command line."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.support.api import Api, open_api
from tests.support.command import clarion

from clarion.api.schema.bindings import BindingsReply
from clarion.domain.binding import Binding
from clarion.domain.own_event import OwnEvent
from clarion.domain.source import NatsSource
from clarion.flows.apply import apply_bindings

NATS = NatsSource(stream="orders", subjects=("order.created",), durable="clarion")
CANCEL = {"timer.cancel": {"key": "x"}}
TRIGGER = {"trigger": {"workflow": "hello", "recipients": ["'ana'"]}}


@pytest.fixture
async def api(database: str) -> AsyncIterator[Api]:
    async with open_api(database) as api:
        wanted = [
            Binding(key="orders", on=NATS, when="data.total > 10", do=[CANCEL, TRIGGER]),
            Binding(key="failures", on=OwnEvent(type="message.failed", workflow="hello"), do=[CANCEL]),
        ]
        async with api.pool.acquire() as connection:
            await apply_bindings(connection, api.tenants["one"], wanted)
        yield api


async def test_bindings_are_listed_for_their_tenant_alone(api: Api) -> None:
    shown = (await api.call("GET", "/v1/bindings")).json
    BindingsReply.model_validate(shown)
    failures, orders = shown["items"]
    assert (failures["key"], failures["on"], failures["when"]) == (
        *("failures", {"message.failed": {"workflow": "hello"}}, None),
    )
    assert (orders["version"], orders["when"], orders["do"]) == (1, "data.total > 10", [CANCEL, TRIGGER])
    assert orders["on"]["nats"]["subjects"] == ["order.created"]
    assert (await api.call("GET", "/v1/bindings", tenant="two")).json == {"items": []}


async def test_looking_needs_the_scope(api: Api) -> None:
    for scope, status in (("sources:read", 200), ("sources:write", 403)):
        key = await api.new_key("one", [scope])
        reply = await api.call("GET", "/v1/bindings", headers={"authorization": f"Bearer {key}"})
        assert reply.status == status


async def test_the_command_line_shows_what_listens_to_what(api: Api) -> None:
    words = ("bindings", "--url", f"http://127.0.0.1:{api.port}", "--api-key", api.keys["one"])
    done = await clarion(*words)
    assert done.code == 0, done.out
    assert [line.split()[0] for line in done.out.splitlines()[1:]] == ["failures", "orders"]
    assert "message.failed hello" in done.out
    assert "nats orders/clarion" in done.out
    assert "timer.cancel, trigger hello" in done.out
    listed = (await clarion(*words, "--json")).lines
    assert [one["key"] for one in listed] == ["failures", "orders"]
