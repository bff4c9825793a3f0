"""`Prefer: wait=N`: a trigger that is answered when it has ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from tests.support.api import Api, open_api
from tests.support.house import House, open_house
from tests.support.http import Reply
from tests.support.postgres import Databases
from tests.support.things import publish
from tests.support.wait import wait_until

from clarion.api.gate import Gate, Quota
from clarion.store import triggers

PATH = "/v1/workflows/welcome/trigger"


@pytest.fixture
async def api(databases: Databases) -> AsyncIterator[Api]:
    """An API whose triggers nobody works on."""
    async with databases.migrated() as url, open_api(url, gate=Gate(Quota(followers=6))) as api:
        await publish(api, "welcome", "one")
        await api.call("PUT", "/v1/recipients/ana", {"email": "ana@example.com"})
        yield api


async def trigger(api: Api, **headers: str) -> Reply:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return await api.call("POST", PATH, {"recipients": ["ana"]}, headers=given)


async def stored(api: Api) -> int:
    async with api.pool.acquire() as connection:
        counted: int = await connection.fetchval("SELECT count(*) FROM trigger")
    return counted


async def test_who_waits_is_told_that_it_was_delivered(databases: Databases) -> None:
    async with databases.migrated() as url, open_house(url) as house:
        reply = await _trigger(house, "wait=20")
        assert (reply.status, reply.json["status"]) == (202, "completed")
        assert reply.headers["preference-applied"] == "wait=20"
        assert reply.headers["location"] == reply.json["href"]
        shown = await house.get(reply.json["href"])
        assert shown["messages"]["sent"] == 1
        await house.check()


async def _trigger(house: House, prefer: str) -> Reply:
    body = {
        "recipients": [{"email": "a@example.com"}],
        "channels": ["email"],
        "payload": {"name": "Nitish official", "orderId": "12345", "message": "See you soon!"},
    }
    return await house.api.call("POST", "/v1/workflows/booking-confirmed/trigger", body, headers={"Prefer": prefer})


async def test_nobody_waits_longer_than_they_want(api: Api) -> None:
    began = time.monotonic()
    reply = await trigger(api, Prefer="respond-async, wait=1")
    took = time.monotonic() - began
    assert (reply.status, reply.json["status"], reply.headers["preference-applied"]) == (202, "accepted", "wait=1")
    assert 1.0 <= took < 3.0
    assert await stored(api) == 1


@pytest.mark.parametrize("prefer", ["", "wait", "wait=", "wait=x", "wait=-1", 'wait="1', ";;;", "return=minimal"])
async def test_a_preference_that_is_none_is_passed_over(api: Api, prefer: str) -> None:
    reply = await trigger(api, Prefer=prefer)
    assert (reply.status, reply.json["status"]) == (202, "accepted")
    assert "preference-applied" not in reply.headers


async def test_waiting_holds_no_connection_to_the_database(api: Api) -> None:
    waiting = [asyncio.ensure_future(trigger(api, Prefer="wait=30")) for _ in range(6)]
    assert len(waiting) > api.pool.get_max_size()

    async def all_idle() -> bool:
        return await _count(api) == 6 and api.pool.get_idle_size() == api.pool.get_size()

    await wait_until(all_idle, what="six are waiting, and the pool is idle")
    listed = (await api.call("GET", "/v1/triggers")).json["items"]
    for one in listed:
        assert (await api.call("POST", f"{one['href']}/cancel")).status == 202
    replies = await asyncio.gather(*waiting)
    assert {(reply.status, reply.json["status"]) for reply in replies} == {(202, "cancelled")}
    assert {reply.json["id"] for reply in replies} == {one["id"] for one in listed}


async def _count(api: Api) -> int:
    return len((await api.call("GET", "/v1/triggers")).json["items"])


async def test_too_many_that_wait_are_answered_at_once(api: Api) -> None:
    waiting = [asyncio.ensure_future(trigger(api, Prefer="wait=30")) for _ in range(6)]
    await wait_until(lambda: _has(api, 6), what="six are waiting")
    reply = await trigger(api, Prefer="wait=30")
    assert (reply.status, reply.json["status"]) == (202, "accepted")
    assert "preference-applied" not in reply.headers
    for one in (await api.call("GET", "/v1/triggers")).json["items"]:
        await api.call("POST", f"{one['href']}/cancel")
    await asyncio.gather(*waiting)
    assert "preference-applied" in (await trigger(api, Prefer="wait=0")).headers, "their places are free again"


async def _has(api: Api, number: int) -> bool:
    return await _count(api) == number


async def test_what_is_stored_is_accepted_though_the_database_goes_away(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise ConnectionResetError("the database went away")

    monkeypatch.setattr(triggers, "get", away)
    reply = await trigger(api, Prefer="wait=1")
    assert (reply.status, reply.json["status"], reply.headers["preference-applied"]) == (202, "accepted", "wait=1")


async def test_a_repeated_call_waits_for_the_same_trigger(api: Api) -> None:
    first = await trigger(api, Idempotency_Key="once")
    again = asyncio.ensure_future(trigger(api, Idempotency_Key="once", Prefer="wait=30"))
    assert (await api.call("POST", f"{first.json['href']}/cancel")).status == 202
    reply = await again
    assert (reply.json["id"], reply.json["status"]) == (first.json["id"], "cancelled")
    assert reply.headers["idempotency-replayed"] == "true"


async def test_a_stop_does_not_wait_for_who_waits(databases: Databases) -> None:
    began = time.monotonic()
    async with databases.migrated() as url:
        async with open_api(url) as api:
            await publish(api, "welcome", "one")
            await api.call("PUT", "/v1/recipients/ana", {})
            waiting = asyncio.ensure_future(trigger(api, Prefer="wait=30"))
            await wait_until(lambda: _has(api, 1), what="the trigger is stored")
        reply = await waiting
        assert (reply.status, reply.json["status"]) == (202, "accepted")
    assert time.monotonic() - began < 20
