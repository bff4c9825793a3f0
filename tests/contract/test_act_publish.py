"""Doing what actions say: messages that go out, as jobs of the caller's transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from clarion.domain.action import Publish
from clarion.flows.act import Act, Deed, Doings
from clarion.flows.definitions import Definitions
from clarion.store import tenants
from clarion.store.database import Pool, open_pool


@pytest.fixture
async def pool(database: str) -> AsyncIterator[Pool]:
    pool = await open_pool(database, size=1, statement_timeout_s=10, application_name="test")
    async with pool:
        yield pool


@pytest.fixture
async def tenant(pool: Pool) -> UUID:
    async with pool.acquire() as connection:
        return await tenants.ensure(connection, "one")


async def _act(pool: Pool, deeds: list[Deed]) -> Doings:
    async with pool.acquire() as connection, connection.transaction():
        return await Act(Definitions())(connection, deeds)


def _deed(tenant: UUID, cause: str, **fields: Any) -> Deed:
    given: dict[str, Any] = {"kind": "nats", "target": {"subject": "orders.expired"}, **fields}
    return Deed(tenant_id=tenant, action=Publish(**given), cause=cause)


async def test_an_id_is_the_same_for_the_same_cause_only(pool: Pool, tenant: UUID) -> None:
    given = {"body": {"orderId": "7"}, "headers": {"x-trace": "1"}, "broker": "orders"}
    causes = ("timer:1:1/0", "timer:1:1/0", "timer:1:1/1")
    doings = await _act(pool, [_deed(tenant, cause, **given) for cause in causes])
    doings_with_id = await _act(pool, [_deed(tenant, "any", id="order-7")])
    assert doings.queues == doings_with_id.queues == {"publish"}
    args = [row["args"] for row in await pool.fetch("SELECT args FROM job WHERE queue = 'publish' ORDER BY id")]
    ids = [one["id"] for one in args]
    assert ids[0] == ids[1] != ids[2]
    assert ids[3] == "order-7"
    assert {name: args[0][name] for name in ("body", "headers", "broker", "kind", "target")} == {
        **given,
        "kind": "nats",
        "target": {"subject": "orders.expired"},
    }


async def test_one_that_cannot_go_out_leaves_the_others_be(pool: Pool, tenant: UUID) -> None:
    wrong: list[dict[str, Any]] = [
        {"kind": "pigeon"},
        {"target": {}},
        {"target": {"subject": ""}},
        {"target": {"subject": "a", "subjct": "b"}},
        {"target": {"subject": "a\nb"}},
        {"headers": {"a b": "c"}},
        {"headers": {"a": "b\r\nc: d"}},
        {"body": {"a": "\0"}},
        {"id": "a\0"},
    ]
    doings = await _act(pool, [_deed(tenant, "c", **fields) for fields in [*wrong, {}]])
    codes = [done.error.code if done.error else None for done in doings.done]
    assert codes == [
        *("not_allowed", "missing", "missing", "unknown_field"),
        *("invalid", "invalid", "invalid", "nul", "invalid", None),
    ]
    assert await pool.fetchval("SELECT count(*) FROM job") == 1
