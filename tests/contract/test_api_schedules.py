"""Schedules over HTTP: what is asked is stored, what cannot be is refused, and what is due is shown."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.support.api import Api, open_api

from clarion.flows.system_schedules import Keeper

DO = [{"trigger": {"workflow": "report", "recipients": "[{'topic': 'staff'}]", "payload": {"day": "data.nominal_at"}}}]
BODY = {"cron": "30 2 * * *", "timezone": "Europe/Berlin", "do": DO}


@pytest.fixture
async def api(database: str) -> AsyncIterator[Api]:
    async with open_api(database) as api:
        yield api


async def preview(api: Api, cron: str, after: str) -> list[str]:
    body = {"cron": cron, "timezone": "Europe/Berlin", "count": 2, "after": after}
    reply = await api.call("POST", "/v1/schedules/preview", body)
    assert reply.status == 200, reply
    return [one["local"] for one in reply.json["items"]]


async def test_both_ends_of_summer_time(api: Api) -> None:
    spring = await preview(api, "30 2 * * *", "2026-03-29T00:00:00Z")
    assert spring == ["2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"]
    autumn = await preview(api, "30 2 * * *", "2026-10-24T12:00:00Z")
    assert autumn == ["2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"]


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"timezone": "Mars/Base"}, "/timezone", "unknown_timezone"),
        ({"timezone": "../../etc/passwd"}, "/timezone", "unknown_timezone"),
        ({"cron": "* * 31 2 *"}, "/cron", "never_fires"),
        ({"cron": "* * * * * *"}, "/cron", "invalid_cron"),
        ({"cron": "0 0 12 1 1 * 2027"}, "/cron", "invalid_cron"),
        ({"cron": "*" * 10_000}, "/cron", "too_long"),
        ({"cron": "every 1s"}, "/cron", "too_often"),
        ({"do": []}, "/do", "type"),
        ({"do": [{"shout": {}}]}, "/do/0", "unknown_field"),
        ({"do": [{"trigger": {"workflow": "w"}}]}, "/do/0/trigger", "missing"),
        ({"catch_up_limit": 1_001}, "/catch_up_limit", "out_of_range"),
        ({"jitter_s": -1}, "/jitter_s", "out_of_range"),
    ],
)
async def test_what_cannot_be(api: Api, change: dict[str, Any], pointer: str, code: str) -> None:
    reply = await api.call("PUT", "/v1/schedules/report", {**BODY, **change})
    assert (reply.status, reply.json["errors"][0]["pointer"], reply.json["errors"][0]["code"]) == (422, pointer, code)
    assert (await api.call("GET", "/v1/schedules/report")).status == 404


async def test_the_life_of_one(api: Api) -> None:
    created = await api.call("PUT", "/v1/schedules/report", BODY)
    assert (created.status, created.json["do"], created.json["origin"]) == (201, DO, "api")
    assert (await api.call("PUT", "/v1/schedules/report", BODY)).status == 200
    assert (await api.call("PUT", "/v1/schedules/Report.x", BODY)).code == "invalid_id"
    times = (await api.call("GET", "/v1/schedules/report/next?count=3")).json["items"]
    assert times[0]["at"] == created.json["next_at"] and len(times) == 3
    paused = await api.call("POST", "/v1/schedules/report/pause")
    assert paused.json["paused_at"] and paused.json["next_at"] is None
    assert (await api.call("POST", "/v1/schedules/report/resume")).json["next_at"] == created.json["next_at"]
    run = await api.call("POST", "/v1/schedules/report/run")
    assert (run.status, run.json["status"], run.json["manual"]) == (202, "pending", True)
    assert len((await api.call("GET", "/v1/schedules/report/runs")).json["items"]) == 1
    assert "schedules" in api.rung
    assert (await api.call("DELETE", "/v1/schedules/report")).status == 204
    assert (await api.call("GET", "/v1/schedules/report")).status == 404


async def test_the_systems_own_are_seen_and_moved_by_operators(api: Api) -> None:
    await Keeper(api.pool).run_once()
    keys = [one["key"] for one in (await api.call("GET", "/v1/schedules")).json["items"]]
    assert keys == ["system.metrics", "system.retention"]
    key = await api.new_key("one", ["schedules:read", "schedules:write"])
    allowed = {"authorization": f"Bearer {key}"}
    for move in ("pause", "resume", "run"):
        reply = await api.call("POST", f"/v1/schedules/system.retention/{move}", headers=allowed)
        assert (reply.status, reply.code) == (403, "forbidden")
        assert (await api.call("POST", f"/v1/schedules/system.retention/{move}")).status in (200, 202)
    assert (await api.call("DELETE", "/v1/schedules/system.retention")).status in (404, 409)
