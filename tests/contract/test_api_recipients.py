"""Recipients over HTTP: one by one and ten thousand at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.support.api import Api, open_api

NITISH = {
    "email": "Nitish@EXAMPLE.com",
    "phone": "+91 98123-45678",
    "name": "Nitish official",
    "locale": "en_in",
    "timezone": "Asia/Kolkata",
    "data": {"plan": "gold", "nested": {"a": [1, 2.5, None, True]}},
}


@pytest.fixture
async def api(database: str) -> AsyncIterator[Api]:
    async with open_api(database) as api:
        yield api


async def test_a_recipient_is_put_shown_replaced_and_forgotten(api: Api) -> None:
    path = "/v1/recipients/user-1"
    assert (await api.call("GET", path)).code == "not_found"
    created = await api.call("PUT", path, NITISH)
    assert created.status == 201
    shown = (await api.call("GET", path)).json
    assert shown == created.json
    assert shown["email"] == "Nitish@example.com"
    assert shown["phone"] == "+919812345678"
    assert shown["locale"] == "en-IN"
    assert shown["data"] == NITISH["data"]
    assert shown["created_at"].endswith("Z")

    replaced = await api.call("PUT", path, {"email": "other@example.com"})
    assert replaced.status == 200
    assert (replaced.json["email"], replaced.json["name"], replaced.json["data"]) == ("other@example.com", None, {})
    assert replaced.json["created_at"] == shown["created_at"] < replaced.json["updated_at"]

    assert replaced.json["phone"] is None

    assert (await api.call("PUT", path, {})).json["email"] is None
    assert (await api.call("DELETE", path)).status == 204
    assert (await api.call("DELETE", path)).status == 404
    assert (await api.call("GET", path)).status == 404


async def test_an_id_may_be_said_again_and_not_otherwise(api: Api) -> None:
    said = {"id": "again", "name": "Ada"}
    assert (await api.call("PUT", "/v1/recipients/again", said)).status == 201
    refused = await api.call("PUT", "/v1/recipients/other", said)
    assert (refused.status, refused.json["code"], refused.json["errors"][0]["pointer"]) == (422, "id_differs", "/id")
    assert (await api.call("GET", "/v1/recipients/other")).status == 404


async def test_a_bulk_call_answers_for_each_item_and_stores_the_good_ones(api: Api) -> None:
    items: list[object] = [
        {"id": "a", "email": "a@example.com"},
        {"id": "b", "email": "not an address", "nmae": "B"},
        {"id": "c/d"},
        "e",
        {"email": "f@example.com"},
        {"id": "a", "email": "second@example.com"},
        {"id": "g", "name": "G", "data": {f"k{i}": i for i in range(101)}},
        {"id": "h", "name": "Line\r\nBcc: x@example.com"},
        {"id": "i", "timezone": "../../etc/passwd"},
        {"id": "z"},
        {"id": "p", "phone": "0612345678", "email": "x"},
        {"id": "q", "phone": "+1 900 234 5678"},
    ]
    await api.call("PUT", "/v1/recipients/z", {"name": "Old"})
    answer = await api.call("POST", "/v1/recipients/bulk", {"recipients": items})
    assert answer.status == 200
    said = answer.json
    assert (said["created"], said["updated"], said["invalid"]) == (1, 1, 10)
    told = [(one["id"], one["status"], [e["code"] for e in one.get("errors", [])]) for one in said["results"]]
    assert told == [
        ("a", "created", []),
        ("b", "invalid", ["invalid_email", "unknown_field"]),
        ("c/d", "invalid", ["invalid_id"]),
        (None, "invalid", ["type"]),
        (None, "invalid", ["missing"]),
        ("a", "invalid", ["duplicate_id"]),
        ("g", "invalid", ["too_many"]),
        ("h", "invalid", ["invalid_name"]),
        ("i", "invalid", ["unknown_timezone"]),
        ("z", "updated", []),
        ("p", "invalid", ["invalid_email", "invalid_phone"]),
        ("q", "invalid", ["invalid_phone"]),
    ]
    assert [e["pointer"] for e in said["results"][1]["errors"]] == ["/recipients/1/email", "/recipients/1/nmae"]
    assert (await api.call("GET", "/v1/recipients/a")).json["email"] == "a@example.com"
    assert (await api.call("GET", "/v1/recipients/z")).json["name"] is None
    assert (await api.call("GET", "/v1/recipients/b")).status == 404


async def test_ten_thousand_recipients_go_in_one_call_and_one_more_does_not(api: Api) -> None:
    def items(count: int) -> list[object]:
        return [
            {
                "id": f"user-{i}",
                "email": f"user{i}@example.com",
                "name": f"User {i}",
                "locale": "pt-BR",
                "data": {"n": i},
            }
            for i in range(count)
        ]

    for status in ("created", "updated"):
        answer = await api.call("POST", "/v1/recipients/bulk", {"recipients": items(10_000)})
        assert answer.json[status] == 10_000
    async with api.pool.acquire() as connection:
        assert await connection.fetchval("SELECT count(*) FROM recipient") == 10_000
        assert await connection.fetchval("SELECT count(*) FROM contact") == 10_000
    assert (await api.call("POST", "/v1/recipients/bulk", {"recipients": items(10_001)})).code == "too_many"


async def test_what_looks_like_sql_or_a_pattern_is_kept_as_it_is(api: Api) -> None:
    name = "*'; DROP TABLE recipient; -- %% \\ a:b {{ 7*7 }} <script>"
    assert (await api.call("PUT", "/v1/recipients/x", {"name": name})).json["name"] == name
