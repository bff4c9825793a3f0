"""Bad input, route by route: whatever is wrong with a request, every operation answers it as promised.

What single operations make of their own fields is tested with them; this is what all of them must hold to.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.support.api import Api, open_api
from tests.support.http import Connection, Reply, request
from tests.support.postgres import Databases
from tests.support.things import Things, make_things

from clarion.api.app import OPERATIONS
from clarion.api.operation import Operation
from clarion.api.schema.base import Paged, Question

MIB = 1024 * 1024

#: Bodies that nobody takes: the answer's status and code.
BAD_BODIES: dict[str, tuple[bytes, int, str]] = {
    "empty": (b"", 400, "invalid_json"),
    "not JSON": (b"{nope", 400, "invalid_json"),
    "more than JSON": (b"{} {}", 400, "invalid_json"),
    "a byte order mark": (b"\xef\xbb\xbf{}", 400, "invalid_json"),
    "not UTF-8": (b'{"ids": "\xff"}', 400, "invalid_json"),
    "an array": (b"[]", 422, "type"),
    "a string": (b'"x"', 422, "type"),
    "null": (b"null", 422, "type"),
    "a number": (b"1", 422, "type"),
    "65 levels": (b'{"a":' * 65 + b"1" + b"}" * 65, 422, "too_deep"),
    "100,000 levels": (b"[" * 100_000, 422, "too_deep"),
    "1,001 keys": (b"{" + b",".join(b'"%d":1' % i for i in range(1_001)) + b"}", 422, "too_many_keys"),
    "a key twice": (b'{"a": 1, "a": 2}', 422, "duplicate_key"),
    "NaN": (b'{"a": NaN}', 422, "invalid_number"),
    "infinity": (b'{"a": Infinity}', 422, "invalid_number"),
    "1e400": (b'{"a": 1e400}', 422, "invalid_number"),
    "5,000 digits": (b'{"a": ' + b"9" * 5_000 + b"}", 422, "invalid_number"),
    "half a character": (b'{"a": "\\ud800"}', 422, "invalid_unicode"),
    "U+0000": (b'{"a": "\\u0000"}', 422, "nul"),
    "U+0000 in a key": (b'{"\\u0000": 1}', 422, "nul"),
    "a long string": (b'{"a": "' + b"x" * (256 * 1024 + 1) + b'"}', 422, "too_long"),
    "a field that is not there": (b'{"no_such_field": 1}', 422, "unknown_field"),
}
#: What cannot stand in a path.
BAD_IDS = ["a%00b", "a:b", "..", "%2E%2E", "a%2Fb", "a%20b", "k" * 129, "a%E2%80%AEb", "'; DROP TABLE job; --", "%FF"]
#: A key of no shape, one of nobody, and none.
BAD_KEYS = ["", "Bearer", "Bearer x", "Basic eDp5", f"Bearer clk_live_abcdefgh_{'A' * 43}", "Bearer " + "k" * 4_000]


@pytest.fixture(scope="module")
async def api(databases: Databases) -> AsyncIterator[Api]:
    async with databases.migrated() as url, open_api(url) as api:
        yield api


@pytest.fixture(scope="module")
async def things(api: Api) -> Things:
    return await make_things(api, "one")


def name(operation: Operation[Any]) -> str:
    return operation.id


TAKES_BODY = [one for one in OPERATIONS if one.input is not None and not one.asks]
TAKES_NONE = [one for one in OPERATIONS if one.input is None]
ASKS = [one for one in OPERATIONS if one.asks and issubclass(one.input or Question, Paged)]
BY_ID = [one for one in OPERATIONS if "{" in one.path]


def body_of(operation: Operation[Any]) -> dict[str, Any] | None:
    return None if operation.input is None or operation.asks else {}


async def snapshot(api: Api) -> dict[str, int]:
    """How many rows each table has."""
    async with api.pool.acquire() as connection:
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        counted = " UNION ALL ".join(f"SELECT '{row[0]}', (SELECT count(*) FROM \"{row[0]}\")" for row in tables)
        return dict(await connection.fetch(counted))


def check(reply: Reply, status: int, code: str) -> None:
    assert (reply.status, reply.code) == (status, code), reply
    assert reply.json["type"] == f"/problems/{code}"
    assert bool(reply.json["errors"]) == (status in (400, 422)), "every fault is named"


@pytest.mark.parametrize("operation", TAKES_BODY, ids=name)
async def test_a_bad_body(api: Api, things: Things, operation: Operation[Any]) -> None:
    before = await snapshot(api)
    path = things.path(operation.path)
    for what, (raw, status, code) in BAD_BODIES.items():
        if not raw and operation.may_say_nothing:
            continue
        reply = await api.call(operation.method, path, raw=raw)
        if code == "unknown_field" and reply.code == "invalid":  # what is needed is missing as well
            assert "/no_such_field" in reply.pointers
            continue
        assert (reply.status, reply.code) == (status, code), what
        check(reply, status, code)
    assert await snapshot(api) == before


@pytest.mark.parametrize("operation", TAKES_BODY, ids=name)
async def test_a_body_of_another_kind_or_size(api: Api, things: Things, operation: Operation[Any]) -> None:
    path = things.path(operation.path)
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        reply = await api.call(operation.method, path, raw=b"{}", headers={"content-type": kind})
        check(reply, 415, "unsupported_media_type")
    reply = await api.call(operation.method, path, raw=b"{}", headers={"content-encoding": "gzip"})
    check(reply, 415, "unsupported_encoding")
    bulk = operation.path.endswith(("/bulk", "/members", "/remove"))
    limit = (8 if bulk else 1) * MIB
    async with await Connection.open(api.port) as connection:
        head = {"content-type": "application/json", "content-length": str(limit + 1)}
        await connection.say(request(operation.method, path, headers=head))
        check(await connection.hear(), 413, "too_large")


@pytest.mark.parametrize("operation", TAKES_NONE, ids=name)
async def test_a_body_where_none_belongs(api: Api, things: Things, operation: Operation[Any]) -> None:
    if operation.method in ("GET", "DELETE"):  # there it means nothing (RFC 9110, 9.3.1 and 9.3.5)
        return
    path = things.path(operation.path)
    before = await snapshot(api)
    for what, (raw, status, code) in BAD_BODIES.items():
        if raw:
            reply = await api.call(operation.method, path, raw=raw)
            assert (reply.status, reply.code) == (status, code), what
    assert await snapshot(api) == before


@pytest.mark.parametrize("operation", BY_ID, ids=name)
async def test_a_name_in_a_path_that_is_none(api: Api, operation: Operation[Any]) -> None:
    body = body_of(operation)
    prefix, _, rest = operation.path.partition("{")
    suffix = rest.partition("}")[2]
    before = await snapshot(api)
    for id in BAD_IDS:
        path = f"{prefix}{id.replace(' ', '%20')}{suffix}"
        check(await api.call(operation.method, path, body), 422, "invalid_id")
    assert await snapshot(api) == before


@pytest.mark.parametrize("operation", OPERATIONS, ids=name)
async def test_a_question_that_it_does_not_take(api: Api, things: Things, operation: Operation[Any]) -> None:
    body = body_of(operation)
    before = await snapshot(api)
    for query in ("no_such_thing=1", "%00=1", "api_key=clk_live_x", "x"):
        reply = await api.call(operation.method, f"{things.path(operation.path)}?{query}", body)
        check(reply, 422, "unknown_field")
    assert await snapshot(api) == before


@pytest.mark.parametrize("operation", ASKS, ids=name)
async def test_a_question_that_makes_no_sense(api: Api, things: Things, operation: Operation[Any]) -> None:
    path = things.path(operation.path)
    assert operation.input is not None
    for limit in ("-1", "0", "101", "1000000000", "true", "1.5", "%00", "9" * 5_000, "٣"):
        reply = await api.call("GET", f"{path}?limit={limit}".replace("٣", "%D9%A3"))
        assert (reply.status, reply.pointers) == (422, ["?limit"]), limit
    for cursor in ("x", "AAAA", "A" * 100, "%00", "%FF", "%ED%A0%80", "'"):
        check(await api.call("GET", f"{path}?after={cursor}"), 400, "invalid_cursor")
    for field in operation.input.model_fields:
        check(await api.call("GET", f"{path}?{field}=1&{field}=2"), 422, "duplicate_key")
        for odd in ("%00", "a%00b", "%FF", "%ED%A0%80", "%25", "'%20OR%201=1", "%0D%0AX:%20y", "x" * 5_000):
            reply = await api.call("GET", f"{path}?{field}={odd}")
            if reply.status == 200:  # a transaction_id may say much
                assert reply.json["items"] == [], (field, odd)
            else:
                assert (reply.status, field == "after") in ((400, True), (422, True), (422, False)), (field, odd)
    cursors = [one.path for one in ASKS if one.path != operation.path]
    first = await api.call("GET", f"{path}?limit=1")
    if cursor := first.json["next"]:
        for other in cursors:
            check(await api.call("GET", f"{things.path(other)}?after={cursor}"), 400, "invalid_cursor")
        anothers = await api.call("GET", f"{path}?after={cursor}", tenant="two")
        assert anothers.status in (400, 404)


@pytest.mark.parametrize("operation", OPERATIONS, ids=name)
async def test_a_method_that_it_does_not_have(api: Api, things: Things, operation: Operation[Any]) -> None:
    for method in ("PATCH", "TRACE", "OPTIONS", "BREW"):
        reply = await api.call(method, things.path(operation.path))
        if reply.code == "invalid_http":
            continue
        check(reply, 405, "method_not_allowed")
        assert operation.method in reply.headers["allow"]


@pytest.mark.parametrize("key", BAD_KEYS, ids=["none", "no more", "no shape", "another scheme", "unknown", "long"])
async def test_no_key_that_opens(api: Api, things: Things, key: str) -> None:
    for operation in OPERATIONS[:10]:
        reply = await api.call(operation.method, things.path(operation.path), headers={"authorization": key})
        check(reply, 401, "unauthorized")
        assert reply.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if one.method == "POST"], ids=name)
async def test_an_idempotency_key_that_is_none(api: Api, things: Things, operation: Operation[Any]) -> None:
    for key in ("", "k" * 256, "a\tb", "ключ"):
        reply = await api.call("POST", things.path(operation.path), {}, headers={"Idempotency-Key": key})
        check(reply, 400, "invalid_idempotency_key")


async def test_the_server_goes_on_answering(api: Api, things: Things) -> None:
    """After all of the above, on one connection, good and bad in turn."""
    head = {"authorization": f"Bearer {api.keys['one']}"}
    async with await Connection.open(api.port) as connection:
        for raw, status, code in BAD_BODIES.values():
            await connection.say(request("PUT", "/v1/topics/x", body=raw, headers=head))
            check(await connection.hear(), status, code)
            await connection.say(request("PUT", "/v1/topics/x", body=json.dumps({}).encode(), headers=head))
            assert (await connection.hear()).status in (200, 201)
