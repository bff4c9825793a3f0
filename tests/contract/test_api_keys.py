"""API keys over HTTP: what opens, what does not, and that nothing is told of why."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from tests.support.api import Api, open_api
from tests.support.postgres import Databases

from clarion import clock
from clarion.api import auth
from clarion.api.app import OPERATIONS
from clarion.api.gate import Strangers
from clarion.api.operation import Operation
from clarion.domain import key as keys
from clarion.domain.scope import Scope
from clarion.store import keys as key_store


@pytest.fixture(scope="module")
async def api(databases: Databases) -> AsyncIterator[Api]:
    # Every operation is tried without a key: more than an address may in a minute, which is tried elsewhere.
    async with databases.migrated() as url, open_api(url, strangers=Strangers(0)) as api:
        yield api


async def status(api: Api, authorization: str, path: str = "/v1/topics/none") -> int:
    return (await api.call("GET", path, headers={"authorization": authorization})).status


async def test_only_a_whole_active_key_opens(api: Api) -> None:
    good = api.keys["one"]
    assert await status(api, f"Bearer {good}") == 404
    assert await status(api, f"bearer {good}") == 404
    expired = await api.new_key("one", [Scope.ALL], expires_at=clock.now() - timedelta(seconds=1))
    later = await api.new_key("one", [Scope.ALL], expires_at=clock.now() + timedelta(hours=1))
    assert await status(api, f"Bearer {later}") == 404
    id = keys.id_of(good)
    digest = keys.digest(api.services.pepper, good)
    for wrong in (
        "",
        "Bearer",
        f"Basic {good}",
        good,
        f"Bearer {good}x",
        f"Bearer {good[:-1]}",
        f"Bearer clk_live_{id}_{'A' * 43}",
        f"Bearer {keys.make(bytes(37))}",
        f"Bearer {digest.hex()}",
        f"Bearer clk_live_{id}_",
        f"Bearer {expired}",
        "Bearer " + "k" * 5_000,
        f"Bearer {good}, Bearer {good}",
    ):
        reply = await api.call("GET", "/v1/topics/none", headers={"authorization": wrong})
        assert (reply.status, reply.code, reply.headers["www-authenticate"]) == (401, "unauthorized", "Bearer"), wrong
        assert good not in reply.body.decode()


async def test_what_is_wrong_with_a_key_is_told_in_the_same_words(api: Api) -> None:
    expired = await api.new_key("one", [Scope.ALL], expires_at=clock.now())
    replies = [
        await api.call("GET", "/v1/topics/x", headers={"authorization": wrong, "x-request-id": "same"})
        for wrong in ("", "Bearer x", f"Bearer {keys.make(bytes(37))}", f"Bearer {expired}")
    ]
    assert len({reply.body for reply in replies}) == 1


async def test_a_revoked_key_closes_within_the_cache_time(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    key = await api.new_key("one", [Scope.ALL])
    id = keys.id_of(key)
    assert id is not None
    assert await status(api, f"Bearer {key}") == 404
    async with api.pool.acquire() as connection:
        assert not await key_store.revoke(connection, api.tenants["two"], id)
        assert await key_store.revoke(connection, api.tenants["one"], id)
        assert not await key_store.revoke(connection, api.tenants["one"], id)
    assert auth.TTL_S <= 5
    passed = clock.monotonic() + auth.TTL_S
    monkeypatch.setattr(clock, "monotonic", lambda: passed)
    assert await status(api, f"Bearer {key}") == 401


async def test_use_is_noted_about_once_a_minute(api: Api) -> None:
    async def used() -> object:
        async with api.pool.acquire() as connection:
            listed = await key_store.list_all(connection, api.tenants["one"])
        return next(one.last_used_at for one in listed if one.id == keys.id_of(key))

    key = await api.new_key("one", [Scope.ALL])
    assert await used() is None
    await status(api, f"Bearer {key}")
    first = await used()
    assert first is not None
    await status(api, f"Bearer {key}")
    assert await used() == first


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
async def test_every_operation_asks_for_its_scope(api: Api, operation: Operation[Any]) -> None:
    others = set(Scope) - {Scope.ALL, operation.scope}
    path = operation.path.replace("{", "").replace("}", "")
    body: object = None if operation.method in ("GET", "DELETE") else {}
    lacking = await api.new_key("one", others)
    reply = await api.call(operation.method, path, body, headers={"authorization": f"Bearer {lacking}"})
    assert (reply.status, reply.code) == (403, "forbidden")
    assert operation.scope.value in reply.json["detail"]
    having = await api.new_key("one", [operation.scope])
    reply = await api.call(operation.method, path, body, headers={"authorization": f"Bearer {having}"})
    assert reply.status not in (401, 403)
    assert (await api.call(operation.method, path, body, headers={"authorization": ""})).status == 401


def test_a_key_says_its_name_and_nothing_else() -> None:
    key = keys.make(bytes(range(37)))
    assert len(key) == len("clk_live_") + 8 + 1 + 43
    assert keys.id_of(key) == key[9:17]
    assert keys.id_of("clk_live_short") is None
    brought = "clk_test_0123456789abcdef"
    assert (keys.id_of(brought) or brought) not in brought
    assert keys.digest(b"pepper", key) != keys.digest(b"other", key)
