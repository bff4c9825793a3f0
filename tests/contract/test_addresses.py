"""A recipient's addresses over HTTP and on the command line: several on a channel, one of them preferred."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.support.api import Api, open_api
from tests.support.command import clarion

PATH = "/v1/recipients/ann/addresses"


@pytest.fixture
async def api(database: str) -> AsyncIterator[Api]:
    async with open_api(database) as api:
        await api.call("PUT", "/v1/recipients/ann", {"email": "ann@old.example", "phone": "+31612345678"})
        yield api


async def _list(api: Api) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await api.call("GET", PATH)).json["items"]
    return found


async def _email(api: Api) -> str | None:
    return (await api.call("GET", "/v1/recipients/ann")).json["email"]  # type: ignore[no-any-return]


async def test_an_address_is_added_verified_preferred_set_aside_and_forgotten(api: Api) -> None:
    assert [(one["address"], one["channel"], one["preferred"]) for one in await _list(api)] == [
        ("ann@old.example", "email", True),
        ("+31612345678", "sms", True),
    ]
    added = await api.call("POST", PATH, {"address": "Ann@Exämple.de"})
    assert (added.status, added.json["address"], added.json["preferred"]) == (201, "Ann@xn--exmple-cua.de", False)
    again = await api.call("POST", PATH, {"address": "ann@EXÄMPLE.de", "verified": True})
    assert (again.status, again.json["id"]) == (200, added.json["id"])
    assert again.json["verified_at"] is not None
    assert again.json["seen_at"] > added.json["seen_at"]
    one = f"{PATH}/{added.json['id']}"
    assert (await api.call("PUT", one, {"preferred": True})).json["preferred"] is True
    assert await _email(api) == "ann@xn--exmple-cua.de"
    aside = (await api.call("PUT", one, {"quarantine": "it is her sister's"})).json
    assert (aside["preferred"], aside["quarantine_reason"]) == (False, "it is her sister's")
    assert await _email(api) == "ann@old.example", "the next one takes its place"
    refused = await api.call("PUT", one, {"preferred": True})
    assert (refused.status, refused.code) == (422, "quarantined")
    assert (await api.call("PUT", one, {"quarantine": "", "preferred": True})).json["quarantined_at"] is None
    assert (await api.call("DELETE", one)).status == 204
    assert (await api.call("DELETE", one)).status == 404
    assert await _email(api) == "ann@old.example"


async def test_the_simple_fields_are_the_preferred_ones(api: Api) -> None:
    await api.call("POST", PATH, {"address": "ann@new.example", "preferred": True})
    assert await _email(api) == "ann@new.example"
    await api.call("PUT", "/v1/recipients/ann", {"email": "ann@third.example"})
    assert [(one["address"], one["preferred"]) for one in await _list(api)] == [
        ("ann@third.example", True),
        ("ann@old.example", False),
    ], "it takes the place of the one that was preferred; the number was left out, and is gone"
    await api.call("PUT", "/v1/recipients/ann", {"email": "Ann@old.example"})
    assert [(one["address"], one["preferred"]) for one in await _list(api)] == [("Ann@old.example", True)]
    await api.call("PUT", "/v1/recipients/ann", {})
    assert await _list(api) == []


async def test_many_at_once_bring_theirs(api: Api) -> None:
    people = [
        {"id": "ann", "email": "ann@old.example", "addresses": [{"address": "ann@home.example", "verified": True}]},
        {"id": "ben", "addresses": [{"address": "+31687654321", "preferred": True}]},
        {"id": "bad", "addresses": [{"address": "ok@a.example"}, {"address": "no"}]},
    ]
    reply = await api.call("POST", "/v1/recipients/bulk", {"recipients": people})
    assert [one["status"] for one in reply.json["results"]] == ["updated", "created", "invalid"]
    (error,) = reply.json["results"][2]["errors"]
    assert (error["pointer"], error["code"]) == ("/recipients/2/addresses/1/address", "invalid_phone")
    assert [one["address"] for one in await _list(api)] == ["ann@old.example", "ann@home.example"]
    assert (await api.call("GET", "/v1/recipients/ben")).json["phone"] == "+31687654321"
    assert (await api.call("GET", "/v1/recipients/bad")).status == 404


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"address": "a@b\r\nBcc: x@y"}, "/address", "invalid_email"),
        ({"address": "a@b.example,c@d.example"}, "/address", "invalid_email"),
        ({"address": "0612345678"}, "/address", "invalid_phone"),
        ({"address": "+19005550123"}, "/address", "invalid_phone"),
        ({"address": "a@b.example", "preferred": False}, "/preferred", "literal_error"),
        ({"address": "a@b.example", "verified": "yes"}, "/verified", "bool_type"),
        ({"address": "a@b.example", "quarantine": "no"}, "/quarantine", "unknown_field"),
        ({}, "/address", "missing"),
    ],
)
async def test_what_is_no_address_is_refused(api: Api, body: dict[str, Any], pointer: str, code: str) -> None:
    reply = await api.call("POST", PATH, body)
    assert reply.status == 422
    (error,) = reply.json["errors"]
    assert error["pointer"] == pointer, error
    assert len(await _list(api)) == 2


async def test_a_reason_with_a_line_break_is_refused_and_nobody_elses_is_known(api: Api) -> None:
    (one, _) = await _list(api)
    assert (await api.call("PUT", f"{PATH}/{one['id']}", {"quarantine": "a\nb"})).status == 422
    for method, path, body in (
        ("GET", PATH, None),
        ("POST", PATH, {"address": "a@b.example"}),
        ("PUT", f"{PATH}/{one['id']}", {"verified": True}),
        ("DELETE", f"{PATH}/{one['id']}", None),
    ):
        assert (await api.call(method, path, body, tenant="two")).status == 404


async def test_two_who_prefer_at_once_leave_one_preferred(api: Api) -> None:
    texts = [f"ann{number}@new.example" for number in range(8)]
    await asyncio.gather(*(api.call("POST", PATH, {"address": text, "preferred": True}) for text in texts))
    assert len([one for one in await _list(api) if one["preferred"] and one["channel"] == "email"]) == 1
    assert len(await _list(api)) == 10


async def test_by_the_command_line(api: Api) -> None:
    where = ("--url", f"http://127.0.0.1:{api.port}", "--api-key", api.keys["one"])
    assert (await clarion("addresses", "add", "ann", "ann@new.example", "--verified", *where)).code == 0
    assert (await clarion("addresses", "prefer", "ann", "Ann@NEW.example", *where)).code == 0
    assert await _email(api) == "ann@new.example"
    listed = await clarion("addresses", "list", "ann", *where)
    assert "ann@new.example" in listed.out
    assert (await clarion("addresses", "quarantine", "ann", "ann@new.example", "--reason", "gone", *where)).code == 0
    assert await _email(api) == "ann@old.example"
    assert (await clarion("addresses", "verify", "ann", "ann@old.example", *where)).code == 0
    assert (await clarion("addresses", "remove", "ann", "ann@new.example", *where)).code == 0
    assert (await clarion("addresses", "remove", "ann", "ann@new.example", *where)).code == 3
