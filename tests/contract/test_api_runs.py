"""Runs that wait, over HTTP: listed, shown, hurried; and how a trigger shows them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.support.api import Api, open_api
from tests.support.steps import Steps, open_steps

from clarion import ids
from clarion.domain.step import Channel, ChannelStep, DelayStep
from clarion.ids import Prefix

MAIL = ChannelStep(key="email", channel=Channel.EMAIL, template="email")
WAIT = DelayStep(key="wait", length=timedelta(hours=1))


@pytest.fixture
async def api(database: str) -> AsyncIterator[Api]:
    async with open_api(database) as api:
        yield api


@pytest.fixture
async def steps(api: Api, database: str) -> AsyncIterator[Steps]:
    async with open_steps(database) as steps:
        await steps.publish(WAIT, MAIL)
        yield steps


async def _all(api: Api, query: str = "") -> list[dict[str, Any]]:
    """Every page of the list, three at a time."""
    found, after = [], ""
    while True:
        reply = await api.call("GET", f"/v1/runs?limit=3{query}{after}")
        assert reply.status == 200, reply
        found += reply.json["items"]
        if reply.json["next"] is None:
            return found
        after = f"&after={reply.json['next']}"


async def test_who_waits_where_and_until_when(api: Api, steps: Steps) -> None:
    id = await steps.trigger(["ana"])
    (shown,) = await _all(api)
    due = await steps.pool.fetchval("SELECT run_at FROM job WHERE queue = 'runs'")
    assert datetime.fromisoformat(shown["resumes_at"]) == due
    assert {key: shown[key] for key in ("trigger", "workflow", "recipient", "status", "step")} == {
        "trigger": ids.show(Prefix.TRIGGER, id),
        "workflow": "w",
        "recipient": "ana",
        "status": "running",
        "step": "wait",
    }
    assert (await api.call("GET", shown["href"])).json == shown
    await steps.time_comes()
    assert await _all(api) == []
    ended = (await api.call("GET", shown["href"])).json
    assert (ended["status"], ended["step"], ended["resumes_at"]) == ("completed", None, None)


async def test_pages_and_filters(api: Api, steps: Steps) -> None:
    await steps.publish(WAIT, MAIL, key="other")
    first = await steps.trigger([f"p{n}" for n in range(7)])
    second = await steps.trigger([f"p{n}" for n in range(4)], key="other")
    found = await _all(api)
    assert len({run["id"] for run in found}) == len(found) == 11
    shown = [ids.show(Prefix.TRIGGER, id) for id in (second, first)]
    assert [run["trigger"] for run in found] == [shown[0]] * 4 + [shown[1]] * 7
    assert len(await _all(api, f"&trigger={shown[1]}")) == 7
    assert len(await _all(api, "&workflow=other")) == 4
    assert len(await _all(api, "&recipient=p6")) == 1
    assert await _all(api, "&recipient=nobody") == []
    assert (await api.call("GET", "/v1/runs?trigger=trg_1")).code == "invalid_id"
    assert (await api.call("GET", "/v1/runs?status=completed")).status == 422
    assert (await api.call("GET", "/v1/runs", tenant="two")).json["items"] == []


async def test_hurry(api: Api, steps: Steps) -> None:
    id = await steps.trigger(["ana"])
    (shown,) = await _all(api)
    for _ in range(2):  # again it changes nothing
        reply = await api.call("POST", f"{shown['href']}/hurry")
        assert (reply.status, reply.json["status"]) == (202, "running")
        assert datetime.fromisoformat(reply.json["resumes_at"]) <= datetime.now(UTC) + timedelta(seconds=1)
    assert "runs" in api.rung
    assert await steps.advancing.run_once() == 1
    assert [status for *_, status, _ in await steps.messages(id)] == ["queued"]
    late = await api.call("POST", f"{shown['href']}/hurry")
    assert (late.status, late.code) == (409, "not_waiting")
    assert (await api.call("POST", f"/v1/runs/run_{'0' * 32}/hurry")).status == 404


async def test_a_trigger_shows_how_many_wait_and_no_silly_pace(api: Api, steps: Steps) -> None:
    await steps.publish(MAIL, WAIT, ChannelStep(key="late", channel=Channel.EMAIL, template="email"))
    id = await steps.trigger([f"p{n}" for n in range(5)])
    path = f"/v1/triggers/{ids.show(Prefix.TRIGGER, id)}"
    await steps.end_messages()
    shown = (await api.call("GET", path)).json
    assert (shown["runs"], shown["status"], shown["messages"]["expired"]) == ({"waiting": 5}, "running", 5)
    assert (shown["rate_per_s"], shown["eta_s"]) == (None, None)
    assert (await api.call("GET", "/v1/triggers")).json["items"][0]["runs"] == {"waiting": 5}
    await steps.time_comes()
    assert (await api.call("GET", path)).json["runs"] == {"waiting": 0}

    waits = await steps.trigger(["ana"])
    path = f"/v1/triggers/{ids.show(Prefix.TRIGGER, waits)}"
    cancelled = (await api.call("POST", f"{path}/cancel")).json
    assert (cancelled["status"], cancelled["runs"]) == ("cancelled", {"waiting": 1})
    await steps.sweeping.run_once()
    assert (await api.call("GET", path)).json["runs"] == {"waiting": 0}
