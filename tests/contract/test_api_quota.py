"""What one tenant, or one address without a key, may ask: above it is 429, and nobody else notices."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.api import Api, open_api
from tests.support.http import Connection, Reply, request
from tests.support.postgres import Databases
from tests.support.things import make_things
from tests.support.wait import wait_until

from clarion import app, clock
from clarion.api.gate import Gate, Quota, Strangers
from clarion.config import load_settings
from clarion.domain import key as keys
from clarion.domain.scope import Scope

PATH = "/v1/topics/none"


@pytest.fixture(scope="module")
async def url(databases: Databases) -> AsyncIterator[str]:
    async with databases.migrated() as url:
        yield url


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = clock.monotonic()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    stands = Clock()
    monkeypatch.setattr(clock, "monotonic", stands)
    yield stands


async def statuses(api: Api, times: int, **headers: str) -> list[int]:
    return [(await api.call("GET", PATH, headers=headers)).status for _ in range(times)]


def told(reply: Reply) -> dict[str, str]:
    return {name: value for name, value in reply.headers.items() if name.startswith(("retry", "ratelimit"))}


async def test_a_tenant_may_send_a_burst_and_then_its_rate(url: str, still: Clock) -> None:
    async with open_api(url, gate=Gate(Quota(rate=2, burst=5))) as api:
        assert await statuses(api, 7) == [404] * 5 + [429] * 2
        reply = await api.call("GET", PATH)
        assert (reply.status, reply.code) == (429, "rate_limited")
        assert told(reply) == {
            "retry-after": "1",
            "ratelimit-policy": '"requests";q=5;w=3',
            "ratelimit": '"requests";r=0;t=1',
        }
        assert (await api.call("GET", PATH, tenant="two")).status == 404
        still.now += 1.0
        assert await statuses(api, 3) == [404, 404, 429]
        metrics = (await api.call("GET", "/metrics", tenant="two")).body.decode()
        assert 'clarion_http_requests_total{operation="getTopic",status="429"}' in metrics


async def test_retry_after_is_how_long_it_takes(url: str, still: Clock) -> None:
    async with open_api(url, gate=Gate(Quota(rate=1, burst=1))) as api:
        for _ in range(3):
            assert (await api.call("GET", PATH)).status == 404
            wait = (await api.call("GET", PATH)).headers["retry-after"]
            assert wait == "1"
            still.now += float(wait)


async def test_a_key_of_the_tenant_more_is_no_quota_more(url: str, still: Clock) -> None:
    async with open_api(url, gate=Gate(Quota(rate=1, burst=2))) as api:
        other = await api.new_key("one", [Scope.ALL])
        assert await statuses(api, 2) == [404, 404]
        assert await statuses(api, 1, authorization=f"Bearer {other}") == [429]


async def test_what_is_refused_is_not_stored(url: str, still: Clock) -> None:
    async with open_api(url, gate=Gate(Quota(rate=1, burst=1))) as api:
        assert (await api.call("GET", PATH)).status == 404
        assert (await api.call("PUT", "/v1/topics/refused", {})).status == 429
        still.now += 1
        assert (await api.call("GET", "/v1/topics/refused")).status == 404


async def test_health_has_no_quota(url: str, still: Clock) -> None:
    async with open_api(url, gate=Gate(Quota(rate=1, burst=1)), strangers=Strangers(1)) as api:
        for path in ("/livez", "/readyz", "/openapi.json") * 5:
            assert (await api.call("GET", path, headers={"authorization": ""})).status == 200


async def test_so_many_at_once_and_then_again(url: str) -> None:
    async with open_api(url, gate=Gate(Quota(concurrency=3))) as api, AsyncExitStack() as stack:
        slow = [await stack.enter_async_context(await Connection.open(api.port)) for _ in range(3)]
        head = {"authorization": f"Bearer {api.keys['one']}", "content-type": "application/json"}
        for connection in slow:  # the body never comes: they are being answered until it does
            await connection.say(request("PUT", "/v1/topics/slow", headers=head | {"content-length": "2"}))
        present = api.services.gate._open._present
        await wait_until(lambda: present.get(api.tenants["one"]) == 3, what="all three are being answered")
        reply = await api.call("GET", PATH)
        assert (reply.code, told(reply)) == (
            "too_many_requests_at_once",
            {
                "retry-after": "1",
                "ratelimit-policy": '"at-once";q=3;qu="concurrent-requests"',
                "ratelimit": '"at-once";r=0',
            },
        )
        assert (await api.call("GET", PATH, tenant="two")).status == 404
        await slow[0].say(b"{}")
        assert (await slow[0].hear()).status in (200, 201)
        assert (await api.call("GET", PATH)).status == 404


async def test_however_a_request_ends_its_place_is_free_again(url: str) -> None:
    async with open_api(url, gate=Gate(Quota(concurrency=1))) as api:
        head = {"authorization": f"Bearer {api.keys['one']}", "content-type": "application/json"}
        for _ in range(3):
            assert (await api.call("PUT", "/v1/topics/x", raw=b"{bad")).status == 400
            assert (await api.call("PUT", "/v1/topics/x", {"nmae": 1})).status == 422
            assert (await api.call("GET", "/v1/recipients/a:b")).status == 422
            async with await Connection.open(api.port) as connection:
                await connection.say(request("PUT", "/v1/topics/x", headers=head | {"content-length": "9"}))

            async def free() -> bool:
                return (await api.call("GET", PATH)).status == 404

            await wait_until(free, what="the place of who has left is free")


async def test_so_many_follow_triggers_at_once(url: str) -> None:
    async with open_api(url, gate=Gate(Quota(followers=2))) as api, AsyncExitStack() as stack:
        trigger = (await make_things(api, "one", suffix="-followed")).ids["triggers"]
        head = {"authorization": f"Bearer {api.keys['one']}"}
        streams = [await stack.enter_async_context(await Connection.open(api.port)) for _ in range(2)]
        for stream in streams:
            await stream.say(request("GET", f"/v1/triggers/{trigger}/events", headers=head))
            assert (await stream.hear(until=b"\n\n")).status == 200
        reply = await api.call("GET", f"/v1/triggers/{trigger}/events")
        assert (reply.status, reply.code, reply.headers["retry-after"]) == (429, "too_many_requests_at_once", "1")
        assert (await api.call("GET", f"/v1/triggers/{trigger}")).status == 200
        await stack.aclose()

        async def free() -> bool:
            reply = await api.call("GET", f"/v1/triggers/{trigger}/events", until=b"\n\n")
            return reply.status == 200

        await wait_until(free, what="those who left follow no more")


async def test_two_thousand_at_once_never_meet_the_defaults(url: str) -> None:
    async with open_api(url) as api:
        head = {"authorization": f"Bearer {api.keys['one']}"}
        begun, loads = asyncio.Barrier(50), 40

        async def client() -> set[int]:
            async with await Connection.open(api.port) as connection:
                await begun.wait()
                await connection.say(request("GET", "/v1/topics/a:b", headers=head) * loads)
                return {(await connection.hear()).status for _ in range(loads)}

        assert set().union(*await asyncio.gather(*(client() for _ in range(50)))) == {422}


async def test_nought_is_any_number(url: str, still: Clock) -> None:
    async with open_api(url, gate=Gate(Quota(rate=0, concurrency=0, followers=0)), strangers=Strangers(0)) as api:
        assert set(await statuses(api, 50)) == {404}
        assert set(await statuses(api, 50, authorization="Bearer x")) == {401}


async def test_keys_cannot_be_tried_at_full_speed(url: str, still: Clock) -> None:
    async with open_api(url, strangers=Strangers(6)) as api:
        unused = await api.new_key("one", [Scope.ALL])
        good = api.keys["one"]
        assert await statuses(api, 1) == [404]
        wrong = [f"Bearer {keys.make(bytes([number]) * 37)}" for number in range(4)]
        tried = [await statuses(api, 1, authorization=one) for one in [*wrong, "", "Basic x"]]
        assert tried == [[401]] * 6
        reply = await api.call("GET", PATH, headers={"authorization": wrong[0]})
        assert (reply.status, reply.code) == (429, "too_many_failed_keys")
        assert told(reply) == {
            "retry-after": "10",
            "ratelimit-policy": '"failed-keys";q=6;w=60',
            "ratelimit": '"failed-keys";r=0;t=10',
        }
        assert await statuses(api, 3) == [404] * 3, "a key that has opened from here goes on opening"
        assert await statuses(api, 1, authorization=f"Bearer {unused}") == [429], "one that was guessed does not"
        assert await statuses(api, 1, authorization=f"Bearer {good[:-1]}!") == [429]
        still.now += 10
        assert await statuses(api, 1, authorization=f"Bearer {unused}") == [404]
        assert await statuses(api, 2, authorization=wrong[0]) == [401, 429]


async def test_an_address_that_is_not_heard_asks_nothing_of_the_database(url: str, still: Clock) -> None:
    async with open_api(url, strangers=Strangers(2)) as api:
        assert await statuses(api, 2, authorization="Bearer x") == [401, 401]
        still.now += 6  # what is kept of keys is too old
        async with AsyncExitStack() as stack:
            for _ in range(api.pool.get_max_size()):
                await stack.enter_async_context(api.pool.acquire())
            assert await statuses(api, 5, authorization=f"Bearer {keys.make(bytes(37))}") == [429] * 5


async def test_the_settings_are_what_counts(url: str, tmp_path: Path) -> None:
    flags = {"project": tmp_path, "port": 0, "api.rate": 1, "api.burst": 2, "api.concurrency": 5, "api.failed_keys": 1}
    settings = load_settings(flags, {"CLARION_SECRET": "a secret of tests, long enough to be one"})
    async with open_api(url) as made, app.open_api(settings, url) as server:
        serving = asyncio.create_task(server.run())
        try:
            await server.listening.wait()
            api = replace(made, port=server.port)
            assert await statuses(api, 3) == [404, 404, 429]
            assert await statuses(api, 2, authorization="Bearer x") == [401, 429]
        finally:
            server.stop()
            await serving
