"""Accounts at providers over HTTP and on the command line: how they stand, and taking one out of use by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from tests.support.api import Api, open_api
from tests.support.command import clarion
from tests.support.providers import twilio_account

from clarion.domain.breaker import Limits, Tally
from clarion.domain.destination import Heard
from clarion.domain.destination import Limits as DestinationLimits
from clarion.flows.rates import provider_pace
from clarion.queue import breakers, destinations, limits

LIMITS = Limits(open_for=timedelta(hours=1), longest=timedelta(hours=1))


@pytest.fixture
async def api(database: str) -> AsyncIterator[Api]:
    accounts = (twilio_account("main"), twilio_account("spare"))
    async with open_api(database, accounts=accounts) as api:
        yield api


async def _list(api: Api) -> dict[str, Any]:
    return {one["name"]: one for one in (await api.call("GET", "/v1/providers")).json["items"]}


async def _opens(api: Api, label: str = "twilio:main") -> None:
    async with api.pool.acquire() as connection:
        await breakers.count(connection, label, Tally(calls=10, failures=10, reason="HTTP 503"), LIMITS)


async def test_domains_that_asked_an_account_for_patience_are_counted_and_forgotten_when_it_is_resumed(
    api: Api,
) -> None:
    async with api.pool.acquire() as connection:
        for name, heard in {
            "twilio:main/a.example": Heard(away=1, reason="421"),
            "twilio:main/b.example": Heard(put_off=10, reason="451"),
            "twilio:mainly/a.example": Heard(away=1, reason="421"),
        }.items():
            await destinations.hear(connection, f"destination:{name}", heard, DestinationLimits())
    listed = await _list(api)
    assert (listed["main"]["domains_parked"], listed["main"]["domains_slowed"]) == (1, 1)
    text = bytes((await api.call("GET", "/metrics")).body).decode()
    assert 'clarion_destinations{provider="twilio:main",state="parked"} 1.0' in text
    limits_now = {one["limit"]: one for one in (await api.call("GET", "/v1/limits")).json["items"]}
    assert limits_now["destination:twilio:main/a.example"]["reason"] == "421"
    assert limits_now["destination:twilio:main/b.example"]["rate"] == "5/s"
    one = "/v1/providers/main/domains/a.example"
    assert (await api.call("DELETE", one)).status == 204
    assert "email" in api.rung
    assert [(await api.call("DELETE", path)).status for path in (one, one.replace("main", "no"))] == [404, 404]
    assert (await _list(api))["main"]["domains_slowed"] == 1
    where = ("--url", f"http://127.0.0.1:{api.port}", "--api-key", api.keys["one"])
    assert (await clarion("limits", "lift", "destination:twilio:main/b.example", *where)).code == 0
    assert (await _list(api))["main"]["domains_slowed"] == 0
    async with api.pool.acquire() as connection:
        await destinations.hear(
            connection, "destination:twilio:main/c.example", Heard(away=1, reason="421"), DestinationLimits()
        )
    await api.call("POST", "/v1/providers/main/resume")
    assert (await _list(api))["main"]["domains_parked"] == 0
    left = [one["limit"] for one in (await api.call("GET", "/v1/limits")).json["items"]]
    assert left == ["destination:twilio:mainly/a.example"]


async def test_they_are_well_until_something_happens(api: Api) -> None:
    listed = await _list(api)
    assert listed["main"] == {
        "name": "main",
        "href": "/v1/providers/main",
        "kind": "twilio",
        "channel": "sms",
        "state": "well",
        "reason": None,
        "since": None,
        "again_in_s": None,
        "domains_parked": 0,
        "domains_slowed": 0,
        "moved_points": None,
        "moved_reason": None,
    }
    await _opens(api)
    listed = await _list(api)
    assert (listed["main"]["state"], listed["spare"]["state"]) == ("open", "well")
    assert listed["main"]["reason"] == "10 of 10 calls failed: HTTP 503"
    assert 3_500 < listed["main"]["again_in_s"] <= 3_600
    async with api.pool.acquire() as connection:
        await limits.pause(connection, provider_pace("twilio:spare"), timedelta(minutes=5), "HTTP 429")
    spare = (await api.call("GET", "/v1/providers/spare")).json
    assert (spare["state"], spare["reason"]) == ("paused", "HTTP 429")


async def test_an_operator_takes_one_out_of_use_and_back(api: Api) -> None:
    await _opens(api)
    paused = await api.call("POST", "/v1/providers/main/pause")
    assert (paused.json["state"], paused.json["reason"]) == ("paused", "an operator has paused it")
    assert paused.json["again_in_s"] is None
    resumed = await api.call("POST", "/v1/providers/main/resume")
    assert (resumed.json["state"], resumed.json["reason"]) == ("well", None), "its breaker is closed, too"
    assert "sms" in api.rung


async def test_it_takes_a_key_that_may_and_a_name_that_is_there(api: Api) -> None:
    reader = {"authorization": f"Bearer {await api.new_key('one', ['queues:read', 'queues:write'])}"}
    assert (await api.call("GET", "/v1/providers", headers=reader)).status == 200
    assert (await api.call("POST", "/v1/providers/main/pause", headers=reader)).status == 403
    missing = await api.call("POST", "/v1/providers/mian/pause")
    assert (missing.status, missing.code) == (404, "not_found")
    assert "did you mean `main`?" in missing.json["detail"]


async def test_no_setting_is_shown(api: Api) -> None:
    said = str((await api.call("GET", "/v1/providers")).json)
    for value in twilio_account("main").values.values():
        assert value not in said or len(value) < 4


async def test_the_metric_has_one_state_for_each(api: Api) -> None:
    await _opens(api)
    text = bytes((await api.call("GET", "/metrics")).body).decode()
    assert 'clarion_provider_state{provider="main",state="open"} 1.0' in text
    assert 'clarion_provider_state{provider="main",state="well"} 0.0' in text
    assert 'clarion_provider_breaker_open{provider="main"} 1.0' in text
    assert 'clarion_provider_breaker_open{provider="spare"} 0.0' in text
    assert 'clarion_provider_state{provider="spare",state="well"} 1.0' in text


async def test_on_the_command_line(api: Api) -> None:
    where = ("--url", f"http://127.0.0.1:{api.port}", "--api-key", api.keys["one"])
    done = await clarion("providers", "pause", "spare", "--json", *where)
    assert (done.code, done.json["state"]) == (0, "paused")
    listed = await clarion("providers", "list", *where)
    assert listed.code == 0
    assert "an operator has paused it" in listed.out
    done = await clarion("providers", "resume", "spare", "--json", *where)
    assert (done.code, done.json["state"]) == (0, "well")
    assert (await clarion("providers", "pause", "none", *where)).code == 3
