"""Timers over HTTP: set, rescheduled, listed, taken back, brought back, hurried and forgotten."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from tests.support.api import Api, open_api
from tests.support.timers import Timers
from tests.support.wait import wait_until

from clarion.domain.scope import Scope
from clarion.flows.timers import QUEUE

PATH = "/v1/timers/order-1"
TELL = {"publish": {"kind": "nats", "target": {"subject": "expired"}, "body": {"orderId": "order-1"}}}
FAR = "2027-06-01T12:00:00Z"


@pytest.fixture
async def api(database: str) -> AsyncIterator[Api]:
    async with open_api(database) as api:
        yield api


async def _set(api: Api, key: str = "order-1", **body: Any) -> Any:
    given = {"actions": [TELL]} | (body or {"at": FAR})
    reply = await api.call("PUT", f"/v1/timers/{key}", given)
    assert reply.status in (200, 201), reply
    return reply


async def _fire(api: Api) -> int:
    """Do what a worker would do now."""
    return len(await Timers(pool=api.pool, tenant=api.tenants["one"]).run())


async def test_one_is_set_shown_and_rescheduled(api: Api) -> None:
    assert (await api.call("GET", PATH)).status == 404
    first = await _set(api, at=FAR, metadata={"order": "1"})
    assert (first.status, first.json["status"], first.json["at"], first.json["key"]) == (201, "pending", FAR, "order-1")
    assert (first.json["actions"], first.json["metadata"]) == ([TELL], {"order": "1"})
    assert (await api.call("GET", PATH)).json == first.json
    assert (await api.call("GET", first.json["href"])).json == first.json, "by its id as well"
    again = await _set(api, at="2027-06-01T13:00:00+02:00")
    assert (again.status, again.json["id"], again.json["at"]) == (200, first.json["id"], "2027-06-01T11:00:00Z")
    assert again.json["metadata"] == {}
    assert api.rung == [], "far ahead, nobody need wake for it"


async def test_in_is_a_length_by_the_clock_of_the_database(api: Api) -> None:
    at = datetime.fromisoformat((await _set(api, **{"in": "1h30m"})).json["at"])
    now = await api.pool.fetchval("SELECT clock_timestamp()")
    assert timedelta(minutes=89) < at - now <= timedelta(minutes=90)
    assert await _fire(api) == 0


async def test_those_that_fired_are_listed_in_the_order_in_which_they_did(api: Api) -> None:
    """Page by page, also where one was due before another that fired earlier; nobody else's, and no other filter."""
    for key, at in (("late", "2020-06-01T00:00:00Z"), ("early", "2020-01-01T00:00:00Z")):
        await api.call("PUT", f"/v1/timers/{key}", {"at": at, "actions": [TELL]})
        assert await _fire(api) == 1
    await _set(api, at=FAR)

    async def listed(query: str = "", tenant: str = "one") -> Any:
        return (await api.call("GET", f"/v1/timers?fired_after=2020-01-01T00:00:00Z{query}", tenant=tenant)).json

    async def both() -> bool:  # those of this very moment come a little later: others may be committing still
        return [one["key"] for one in (await listed())["items"]] == ["late", "early"]

    await wait_until(both, 10, "both are listed")
    first = await listed("&limit=1")
    assert [one["key"] for one in first["items"]] == ["late"]
    rest = await listed(f"&limit=1&after={quote(first['next'])}")
    assert [one["key"] for one in rest["items"]] == ["early"]
    end = await listed(f"&after={quote(rest['next'])}")
    assert (end["items"], end["next"]) == ([], rest["next"]), "where to go on when another one fires"
    await api.call("PUT", "/v1/timers/third", {"in": "0s", "actions": [TELL]})
    assert await _fire(api) == 1

    async def third() -> bool:
        return [one["key"] for one in (await listed(f"&after={quote(end['next'])}"))["items"]] == ["third"]

    await wait_until(third, 10, "what fired since")
    since = quote(first["items"][0]["updated_at"])
    later = (await api.call("GET", f"/v1/timers?fired_after={since}")).json["items"]
    assert [one["key"] for one in later] == ["late", "early", "third"]
    assert (await listed(tenant="two"))["items"] == []
    assert (await listed("&status=fired"))["code"] == "not_allowed"


@pytest.mark.parametrize("when", [{"at": "1970-01-01T00:00:00Z"}, {"in": "0s"}])
async def test_a_time_in_the_past_means_at_once(api: Api, when: dict[str, str]) -> None:
    await _set(api, **when)
    assert api.rung == [QUEUE]
    assert await _fire(api) == 1
    shown = (await api.call("GET", PATH)).json
    assert (shown["status"], shown["error"], shown["fired_at"] >= shown["at"]) == ("fired", None, True)


async def test_it_is_cancelled_brought_back_and_hurried(api: Api) -> None:
    await _set(api)
    for _ in range(2):
        reply = await api.call("POST", f"{PATH}/cancel")
        assert (reply.status, reply.json["status"]) == (200, "cancelled")
    assert (await api.call("POST", f"{PATH}/hurry")).code == "not_pending"
    back = await api.call("POST", f"{PATH}/uncancel")
    assert (back.status, back.json["status"], back.json["cancelled_at"]) == (200, "pending", None)
    assert (await api.call("POST", f"{PATH}/uncancel")).code == "not_cancelled"
    assert await _fire(api) == 0
    assert (await api.call("POST", f"{PATH}/hurry")).status == 202
    assert api.rung == [QUEUE]
    assert await _fire(api) == 1
    late = await api.call("POST", f"{PATH}/cancel")
    assert (late.status, late.code) == (409, "not_cancellable")
    assert (await api.call("GET", PATH)).json["status"] == "fired"


async def test_one_cancelled_until_its_time_was_past_fires_at_once_when_it_is_brought_back(api: Api) -> None:
    await _set(api, at="2020-01-01T00:00:00Z")
    await api.call("POST", f"{PATH}/cancel")
    assert await _fire(api) == 0
    await api.call("POST", f"{PATH}/uncancel")
    assert await _fire(api) == 1


async def test_one_that_is_forgotten_never_fires(api: Api) -> None:
    await _set(api, at="2020-01-01T00:00:00Z")
    assert (await api.call("DELETE", PATH)).status == 204
    assert (await api.call("DELETE", PATH)).status == 404
    assert await _fire(api) == 0
    assert await api.pool.fetchval("SELECT count(*) FROM job") == 0


async def test_what_could_not_be_done_is_shown(api: Api) -> None:
    missing = {"trigger": {"workflow": "nobody-knows", "recipients": ["ana"]}}
    await _set(api, at="2020-01-01T00:00:00Z", actions=[TELL, missing])
    await _fire(api)
    shown = (await api.call("GET", PATH)).json
    assert (shown["status"], shown["failed"]) == ("fired", [1])
    assert "nobody-knows" in shown["error"]


async def _keys(api: Api, query: str, tenant: str = "one") -> list[str]:
    """The keys of all pages."""
    found: list[str] = []
    after = ""
    while True:
        page = await api.call("GET", f"/v1/timers?limit=2&{query}{after}", tenant=tenant)
        assert page.status == 200, page
        found += [item["key"] for item in page.json["items"]]
        if page.json["next"] is None:
            return found
        after = f"&after={page.json['next']}"


async def test_they_are_listed_by_time_and_searched(api: Api) -> None:
    start = datetime(2027, 1, 1, tzinfo=UTC)
    for number, key in enumerate(["e", "a-2", "a-1", "c", "a-3"]):
        own = {"order": str(number), "kind": "odd" if number % 2 else "even", "n": number, "ok": number > 2}
        await _set(api, key, at=(start + timedelta(days=number)).isoformat(), metadata=own)
    await api.call("POST", "/v1/timers/c/cancel")
    assert await _keys(api, "") == ["e", "a-2", "a-1", "c", "a-3"]
    assert await _keys(api, "status=pending") == ["e", "a-2", "a-1", "a-3"]
    assert await _keys(api, "status=cancelled") == ["c"]
    assert await _keys(api, "key_prefix=a-") == ["a-1", "a-2", "a-3"]
    assert await _keys(api, "key_prefix=a-&status=fired") == []
    assert await _keys(api, "due_after=2027-01-02T00:00:00Z&due_before=2027-01-04T00:00:00Z") == ["a-2", "a-1"]
    assert await _keys(api, "metadata.kind=even") == ["e", "a-1", "a-3"]
    assert await _keys(api, "metadata.kind=even&key_prefix=a-&metadata.order=4") == ["a-3"]
    assert await _keys(api, "metadata.n=3") == ["c"], "a number is found by its digits"
    assert await _keys(api, "metadata.ok=true&status=pending") == ["a-3"]
    assert await _keys(api, "metadata.order=%25") == []
    assert await _keys(api, "", tenant="two") == await _keys(api, "metadata.kind=odd", tenant="two") == []


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"actions": [TELL]}, "/at", "missing"),
        ({"at": FAR, "in": "1h", "actions": [TELL]}, "/at", "not_allowed"),
        ({"at": "2027-06-01T12:00:00", "actions": [TELL]}, "/at", "timezone_required"),
        ({"at": "2027-02-30T12:00:00Z", "actions": [TELL]}, "/at", "invalid_time"),
        ({"at": "2027-06-01T12:00:60Z", "actions": [TELL]}, "/at", "invalid_time"),
        ({"at": "9999-06-01T12:00:00Z", "actions": [TELL]}, "/at", "out_of_range"),
        ({"in": "-1h", "actions": [TELL]}, "/in", "invalid_duration"),
        ({"in": "400d", "actions": [TELL]}, "/in", "invalid_duration"),
        ({"in": "5", "actions": [TELL]}, "/in", "invalid_duration"),
        ({"in": 5, "actions": [TELL]}, "/in", "type"),
        ({"in": "1h", "actions": []}, "/actions", "too_few"),
        ({"in": "1h", "actions": [TELL] * 11}, "/actions", "too_many"),
        ({"in": "1h", "actions": [{}]}, "/actions/0", "invalid_action"),
        ({"in": "1h", "actions": [TELL | {"timer.cancel": {"key": "x"}}]}, "/actions/0", "invalid_action"),
        ({"in": "1h", "actions": [{"dance": {}}]}, "/actions/0/dance", "unknown_field"),
        ({"in": "1h", "actions": [{"timer.cancel": {"key": "a:b"}}]}, "/actions/0/timer.cancel/key", "invalid_id"),
        ({"in": "1h", "actions": [{"trigger": {"workflow": "w", "recipients": []}}]}, None, "too_few"),
        ({"in": "1h", "actions": [{"publish": {"kind": "fax", "target": {}}}]}, "/actions/0/publish/kind", None),
    ],
)
async def test_what_is_wrong_is_named(api: Api, body: dict[str, Any], pointer: str | None, code: str | None) -> None:
    reply = await api.call("PUT", PATH, body)
    assert reply.status == 422, reply
    assert code is None or reply.code == code, reply
    assert pointer is None or reply.pointers == [pointer]
    assert await api.pool.fetchval("SELECT (SELECT count(*) FROM timer) + (SELECT count(*) FROM job)") == 0


async def test_a_target_and_what_is_nested_are_looked_at_too(api: Api) -> None:
    bad = {"publish": {"kind": "bullmq", "target": {"queue": "q", "subject": "s"}}}
    nested = {"timer.set": {"key": "x", "at": FAR, "actions": [bad]}}
    reply = await api.call("PUT", PATH, {"in": "1h", "actions": [TELL, nested]})
    assert reply.status == 422
    assert all(one.startswith("/actions/1/timer.set/actions/0/publish/target") for one in reply.pointers)
    assert len(reply.pointers) == 2


async def test_a_key_cannot_look_like_an_id(api: Api) -> None:
    reply = await api.call("PUT", f"/v1/timers/tmr_{'0' * 32}", {"in": "1h", "actions": [TELL]})
    assert (reply.status, reply.code) == (422, "invalid_id")


async def test_a_trigger_keeps_all_that_it_says(api: Api) -> None:
    trigger = {
        "trigger": {
            "workflow": "reminder",
            "recipients": ["ana", {"topic": "guests"}, {"email": "bo@example.com", "name": "Bo"}],
            "payload": {"a": [1, None, {"b": 2.5}]},
            "channels": ["email"],
            "priority": "high",
        }
    }
    stored = (await _set(api, at=FAR, actions=[trigger])).json["actions"]
    assert stored == [trigger]


async def test_reading_and_writing_are_scopes_of_their_own(api: Api) -> None:
    key = await api.new_key("one", [Scope.TIMERS_READ])
    headers = {"authorization": f"Bearer {key}"}
    assert (await api.call("GET", "/v1/timers", headers=headers)).status == 200
    assert (await api.call("POST", f"{PATH}/hurry", headers=headers)).status == 403
