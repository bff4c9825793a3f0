"""Triggers over HTTP: what is accepted, what is refused and why, once and only once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.support.api import Api, open_api
from tests.support.http import Reply
from tests.support.postgres import Databases
from tests.support.things import make_things, publish

PATH = "/v1/workflows/welcome/trigger"


@pytest.fixture(scope="module")
async def api(databases: Databases) -> AsyncIterator[Api]:
    async with databases.migrated() as url, open_api(url) as api:
        await publish(api, "welcome", "one")
        for id in ("ana", "bea"):
            await api.call("PUT", f"/v1/recipients/{id}", {"email": f"{id}@example.com"})
        await api.call("PUT", "/v1/topics/guests", {})
        await api.call("POST", "/v1/topics/guests/members", {"ids": ["ana", "bea"]})
        yield api


async def trigger(api: Api, body: Any = None, **headers: str) -> Reply:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return await api.call("POST", PATH, {"recipients": ["ana"]} if body is None else body, headers=given)


async def row(api: Api, reply: Reply) -> dict[str, Any]:
    """The trigger as stored."""
    async with api.pool.acquire() as connection:
        found = await connection.fetchrow("SELECT * FROM trigger WHERE id = $1", reply.json["id"].removeprefix("trg_"))
        assert found is not None
        return dict(found)


async def triggers(api: Api) -> int:
    async with api.pool.acquire() as connection:
        counted: int = await connection.fetchval("SELECT count(*) FROM trigger")
    return counted


async def test_a_trigger_is_on_disk_with_its_job_when_it_is_answered(api: Api) -> None:
    body = {
        "recipients": ["ana", {"topic": "guests"}, {"id": "cem", "email": "cem@example.com", "name": "Cem"}],
        "payload": {"name": "Nitish official", "orderId": "12345"},
        "metadata": {"source": "web"},
        "channels": ["email"],
        "transaction_id": "order-12345",
        "priority": "high",
        "expires_at": (datetime.now(UTC) + timedelta(days=2)).isoformat(),
    }
    traceparent = f"00-{'a' * 32}-{'b' * 16}-01"
    reply = await trigger(api, body, traceparent=traceparent)
    assert reply.status == 202
    assert reply.json | {"id": ""} == {
        "id": "",
        "status": "accepted",
        "href": reply.headers["location"],
        "duplicates": 0,
    }
    stored = await row(api, reply)
    assert (stored["recipient_ids"], stored["topic_keys"]) == (["ana", "cem"], ["guests"])
    assert (stored["payload"], stored["metadata"], stored["channels"]) == (body["payload"], body["metadata"], ["email"])
    assert (stored["priority"], stored["traceparent"], stored["total"]) == (1, traceparent, 4)
    async with api.pool.acquire() as connection:
        assert await connection.fetchval("SELECT priority FROM job WHERE id = $1", stored["id"]) == 1
    assert (await api.call("GET", "/v1/recipients/cem")).json["name"] == "Cem"
    assert "expand" in api.rung
    shown = (await api.call("GET", reply.json["href"])).json
    assert (shown["status"], shown["recipients"]) == ("accepted", {"total": 4, "expanded": 0})
    assert set(shown["messages"].values()) == {0}
    listed = (await api.call("GET", "/v1/triggers?transaction_id=order-12345")).json["items"]
    assert [one["id"] for one in listed] == [reply.json["id"]]


async def test_the_same_people_named_twice_hear_of_it_once(api: Api) -> None:
    body = {
        "recipients": [
            "ana",
            "ana",
            {"topic": "guests"},
            {"topic": "guests"},
            {"email": "Dora@Example.com", "name": "Dora"},
            {"email": "dora@example.COM"},
            {"id": "bea", "email": "bea@example.com"},
            "bea",
        ]
    }
    reply = await trigger(api, body)
    assert reply.json["duplicates"] == 4
    assert (await row(api, reply))["recipient_ids"] == ["ana", "bea", "dora@example.com"]
    dora = (await api.call("GET", "/v1/recipients/dora@example.com")).json
    assert (dora["email"], dora["name"]) == ("Dora@example.com", "Dora")


async def test_a_number_names_one_person_however_it_is_written(api: Api) -> None:
    body = {
        "recipients": [
            {"phone": "+31 6 1234-5678", "name": "Eva"},
            {"phone": "+31612345678"},
            {"email": "fay@example.com", "phone": "+31687654321"},
        ]
    }
    reply = await trigger(api, body)
    assert reply.json["duplicates"] == 1
    assert (await row(api, reply))["recipient_ids"] == ["+31612345678", "fay@example.com"]
    eva = (await api.call("GET", "/v1/recipients/+31612345678")).json
    assert (eva["phone"], eva["email"], eva["name"]) == ("+31612345678", None, "Eva")
    assert (await api.call("GET", "/v1/recipients/%2B31612345678")).json == eva
    assert (await api.call("GET", "/v1/recipients/fay@example.com")).json["phone"] == "+31687654321"


async def test_an_address_that_cannot_be_an_id_still_names_one_person(api: Api) -> None:
    body = {
        "recipients": [{"email": "o'hara@example.com"}, {"email": "O'Hara@example.com"}, {"email": "jörg@exämple.de"}]
    }
    reply = await trigger(api, body)
    assert reply.json["duplicates"] == 1
    stored = (await row(api, reply))["recipient_ids"]
    assert len(stored) == 2
    assert all(id.startswith("mail-") for id in stored)
    assert (await api.call("GET", f"/v1/recipients/{stored[0]}")).status == 200


@pytest.mark.parametrize(
    ("body", "code", "pointers"),
    [
        ({}, "missing", ["/recipients"]),
        ({"recipients": []}, "too_few", ["/recipients"]),
        ({"recipients": "ana"}, "type", ["/recipients"]),
        ({"recipients": [3]}, "type", ["/recipients/0"]),
        ({"recipients": [None, "ana", True]}, "type", ["/recipients/0", "/recipients/2"]),
        ({"recipients": ["a/b", "../x", "x" * 129]}, "invalid_id", ["/recipients/0", "/recipients/1", "/recipients/2"]),
        ({"recipients": ["ana", "x", "y"]}, "unknown_recipient", ["/recipients/1", "/recipients/2"]),
        ({"recipients": [{"topic": "none"}]}, "unknown_topic", ["/recipients/0/topic"]),
        ({"recipients": [{"topic": "a b"}]}, "invalid_id", ["/recipients/0/topic"]),
        ({"recipients": [{"topic": "guests", "email": "a@example.com"}]}, "unknown_field", ["/recipients/0/email"]),
        ({"recipients": [{"name": "Nobody"}]}, "missing", ["/recipients/0"]),
        ({"recipients": [{"phone": "0612345678"}]}, "invalid_phone", ["/recipients/0/phone"]),
        ({"recipients": [{"id": "e", "phone": "+1 900 234 5678"}]}, "invalid_phone", ["/recipients/0/phone"]),
        ({"recipients": [{"phone": "+31612345678\r\n"}]}, "invalid_phone", ["/recipients/0/phone"]),
        ({"recipients": [{"email": "a@b\r\nBcc: x@y"}]}, "invalid_email", ["/recipients/0/email"]),
        ({"recipients": [{"email": "a@example.com", "name": "a\r\nX: y"}]}, "invalid_name", ["/recipients/0/name"]),
        ({"recipients": [{"id": "e", "name": "A"}, {"id": "e", "name": "B"}]}, "duplicate_id", ["/recipients/1/id"]),
        ({"recipients": ["ana"], "payload": []}, "type", ["/payload"]),
        ({"recipients": ["ana"], "pay_load": {}}, "unknown_field", ["/pay_load"]),
        ({"recipients": ["ana"], "channels": []}, "too_few", ["/channels"]),
        ({"recipients": ["ana"], "channels": ["fax"]}, "not_allowed", ["/channels/0"]),
        ({"recipients": ["ana"], "priority": -1}, "not_allowed", ["/priority"]),
        ({"recipients": ["ana"], "priority": 2**21 + 5}, "not_allowed", ["/priority"]),
        ({"recipients": ["ana"], "priority": "urgent"}, "not_allowed", ["/priority"]),
        ({"recipients": ["ana"], "transaction_id": 7}, "type", ["/transaction_id"]),
        ({"recipients": ["ana"], "transaction_id": "x" * 256}, "too_long", ["/transaction_id"]),
        ({"recipients": ["ana"], "metadata": {str(i): i for i in range(101)}}, "too_many", ["/metadata"]),
        ({"recipients": ["ana"], "send_at": "2026-11-23T10:00:00"}, "timezone_required", ["/send_at"]),
        ({"recipients": ["ana"], "send_at": "1970-01-01T00:00:00Z"}, "out_of_range", ["/send_at"]),
        ({"recipients": ["ana"], "send_at": "9999-12-31T23:59:59Z"}, "out_of_range", ["/send_at"]),
        ({"recipients": ["ana"], "send_at": "2027-02-30T10:00:00Z"}, "invalid_time", ["/send_at"]),
        ({"recipients": ["ana"], "send_at": "2026-12-31T23:59:60Z"}, "invalid_time", ["/send_at"]),
        ({"recipients": ["ana"], "send_at": "tomorrow"}, "invalid_time", ["/send_at"]),
        ({"recipients": ["ana"], "send_at": 1795000000}, "type", ["/send_at"]),
        ({"recipients": ["ana"], "send_at": "0001-01-01T00:00:00+23:59"}, "invalid_time", ["/send_at"]),
        ({"recipients": ["ana"], "expires_at": "2020-01-01T00:00:00Z"}, "out_of_range", ["/expires_at"]),
    ],
    ids=str,
)
async def test_what_cannot_be_accepted_is_refused_and_not_stored(
    api: Api, body: object, code: str, pointers: list[str]
) -> None:
    before = await triggers(api)
    reply = await trigger(api, body)
    assert (reply.status, reply.code, reply.pointers) == (422, code, pointers), reply
    assert await triggers(api) == before


async def test_more_than_a_thousand_recipients_are_shown_the_way_to_topics(api: Api) -> None:
    reply = await trigger(api, {"recipients": ["ana"] * 1_001})
    assert (reply.status, reply.code) == (422, "too_many")
    assert "topic" in reply.json["detail"]
    assert (await trigger(api, {"recipients": ["ana"] * 1_000})).json["duplicates"] == 999
    assert (await trigger(api, {"recipients": ["user"] * 1_000_000})).status == 413


async def test_a_time_of_the_last_day_means_now_and_a_later_one_waits(api: Api) -> None:
    now = datetime.now(UTC)
    past = await trigger(api, {"recipients": ["ana"], "send_at": (now - timedelta(hours=23)).isoformat()})
    assert (await row(api, past))["send_at"] is None
    later = now + timedelta(days=365)
    future = await trigger(api, {"recipients": ["ana"], "send_at": later.isoformat()})
    stored = await row(api, future)
    assert stored["send_at"] == later
    async with api.pool.acquire() as connection:
        assert await connection.fetchval("SELECT run_at FROM job WHERE id = $1", stored["id"]) == later


async def test_one_key_is_one_trigger_however_often_it_is_sent(api: Api) -> None:
    before = await triggers(api)
    replies = await asyncio.gather(*(trigger(api, Idempotency_Key="once") for _ in range(16)))
    accepted = [reply for reply in replies if reply.status == 202]
    others = [reply for reply in replies if reply.status != 202]
    assert len({reply.json["id"] for reply in accepted}) == 1
    assert all(
        (reply.status, reply.code, reply.headers["retry-after"]) == (409, "idempotency_in_flight", "1")
        for reply in others
    )
    assert await triggers(api) == before + 1
    again = await trigger(api, Idempotency_Key="once")
    assert (again.status, again.json, again.headers["idempotency-replayed"]) == (202, accepted[0].json, "true")
    raw = b'{ "recipients" :["ana"]   }'
    spaced = await api.call("POST", PATH, raw=raw, headers={"Idempotency-Key": "once"})
    assert spaced.json == again.json
    other = await trigger(api, {"recipients": ["bea"]}, Idempotency_Key="once")
    assert (other.status, other.code) == (422, "idempotency_mismatch")
    assert again.json["id"] not in other.body.decode()
    assert await triggers(api) == before + 1


async def test_two_tenants_may_use_one_key(api: Api) -> None:
    await publish(api, "welcome", "two")
    await api.call("PUT", "/v1/recipients/ana", {}, tenant="two")
    headers = {"Idempotency-Key": "shared"}
    ids = {
        (await api.call("POST", PATH, {"recipients": ["ana"]}, tenant=tenant, headers=headers)).json["id"]
        for tenant in ("one", "two")
    }
    assert len(ids) == 2


async def test_triggers_are_listed_newest_first_page_by_page(api: Api) -> None:
    made = [(await trigger(api)).json["id"] for _ in range(5)]
    first = await api.call("GET", "/v1/triggers?limit=3&workflow=welcome")
    second = await api.call("GET", first.headers["link"].partition("<")[2].partition(">")[0])
    assert [one["id"] for one in [*first.json["items"], *second.json["items"]]][:5] == made[::-1]
    assert (await api.call("GET", "/v1/triggers?workflow=none")).json == {"items": [], "next": None}


async def test_a_cancelled_trigger_stays_cancelled(api: Api) -> None:
    href = (await trigger(api)).json["href"]
    for _ in range(2):
        reply = await api.call("POST", f"{href}/cancel")
        assert (reply.status, reply.json["status"]) == (202, "cancelled")
    assert (await api.call("POST", "/v1/triggers/trg_nonsense/cancel")).code == "invalid_id"


async def test_progress_is_followed_live_to_its_end(api: Api) -> None:
    href = (await trigger(api)).json["href"]
    following = asyncio.ensure_future(api.call("GET", f"{href}/events"))
    assert (await api.call("POST", f"{href}/cancel")).status == 202
    reply = await following
    assert reply.headers["content-type"].startswith("text/event-stream")
    events = [event for event in reply.body.decode().split("\n\n") if event]
    names = [line for event in events for line in event.split("\n") if line.startswith("event: ")]
    assert (names[0], names[-1]) == ("event: progress", "event: end")
    last = json.loads(events[-1].split("data: ")[1])
    assert last == (await api.call("GET", href)).json | {"rate_per_s": last["rate_per_s"]}


async def test_a_message_is_shown_with_its_timeline_and_retried_once(api: Api) -> None:
    things = await make_things(api, "one", suffix="-message")
    path = f"/v1/messages/{things.ids['messages']}"
    shown = (await api.call("GET", path)).json
    assert (shown["status"], shown["reason"]) == ("failed", "550 no such user")
    assert [entry["kind"] for entry in shown["timeline"]] == ["created", "attempt"]
    retried = await api.call("POST", f"{path}/retry")
    assert (retried.status, retried.json["status"]) == (202, "queued")
    assert shown["next_attempt_at"] is None
    assert retried.json["next_attempt_at"] >= retried.json["created_at"]
    assert [entry["kind"] for entry in retried.json["timeline"]] == ["created", "attempt", "retried"]
    assert "email" in api.rung
    again = await api.call("POST", f"{path}/retry")
    assert (again.status, again.code) == (409, "not_retryable")
    listed = (await api.call("GET", f"/v1/messages?trigger={things.ids['triggers']}&status=queued")).json["items"]
    assert [one["id"] for one in listed] == [things.ids["messages"]]
    assert (await api.call("GET", "/v1/messages?trigger=nonsense")).code == "invalid_id"


async def test_a_queue_is_paused_and_resumed(api: Api) -> None:
    await trigger(api)
    assert [queue["name"] for queue in (await api.call("GET", "/v1/queues")).json["items"]].count("expand") == 1
    queue = (await api.call("GET", "/v1/queues/expand")).json
    assert queue["ready"] > 0
    assert queue["oldest_s"] >= 0
    assert (await api.call("POST", "/v1/queues/expand/pause")).json["paused"] is True
    assert (await api.call("POST", "/v1/queues/expand/resume")).json["paused"] is False
    assert (await api.call("GET", "/v1/queues/none")).status == 404
    assert (await api.call("POST", "/v1/queues/expand/clean", {"older_than_s": -1})).code == "out_of_range"
    assert (await api.call("POST", "/v1/queues/expand/clean", {"older_than_s": 1e18})).code == "out_of_range"
    assert (await api.call("POST", "/v1/queues/expand/clean", {"older_than_s": "x"})).code == "type"


async def test_jobs_are_listed_page_by_page(api: Api) -> None:
    for _ in range(3):
        await trigger(api)
    first = (await api.call("GET", "/v1/queues/expand/jobs?limit=2")).json
    second = (await api.call("GET", f"/v1/queues/expand/jobs?limit=100&after={first['next']}")).json
    seen = [job["id"] for job in [*first["items"], *second["items"]]]
    assert len(seen) == len(set(seen)) >= 3
    job = (await api.call("GET", f"/v1/jobs/{seen[0]}")).json
    assert (job["state"], job["kind"], job["queue"]) == ("ready", "expand", "expand")
    other = await api.call("GET", f"/v1/queues/expand/jobs?state=done&after={first['next']}")
    assert (other.status, other.code) == (400, "invalid_cursor")
