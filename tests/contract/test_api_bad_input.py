"""Bad input over raw sockets: each row gets the answer that was promised, and the server goes on answering."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs
from tests.support.api import Api, open_api
from tests.support.http import Connection, Reply, request
from tests.support.postgres import Databases
from tests.support.wait import wait_until

from clarion.store import topics

MIB = 1024 * 1024


@pytest.fixture(scope="module")
async def api(databases: Databases) -> AsyncIterator[Api]:
    async with databases.migrated() as url, open_api(url) as api:
        yield api


async def put(api: Api, raw: bytes, **headers: str) -> Reply:
    return await api.call("PUT", "/v1/recipients/user-1", raw=raw, headers=headers)


def padded(size: int) -> bytes:
    """A body of exactly *size* bytes that holds nothing."""
    return b"{" + b" " * (size - 2) + b"}"


@pytest.mark.parametrize(
    ("raw", "status", "code", "said"),
    [
        (b"", 400, "invalid_json", "at byte 0"),
        (b"{nope", 400, "invalid_json", "at byte 1"),
        (b'{"name": "x"} trailing', 400, "invalid_json", "at byte 14"),
        (b"\xef\xbb\xbf{}", 400, "invalid_json", "at byte 0"),
        (b'{"name": "\xff"}', 400, "invalid_json", "at byte 10"),
        (b"[]", 422, "type", "object"),
        (b'"text"', 422, "type", "object"),
        (b"null", 422, "type", "object"),
        (b'{"data": {"a": ' + b"[" * 63 + b"]" * 63 + b"}}", 422, "too_deep", "64"),
        (b"[" * 100_000, 422, "too_deep", "64"),
        (b'{"data": {' + b",".join(b'"%d":1' % i for i in range(100_000)) + b"}}", 422, "too_many_keys", "1000"),
        (b'{"name": "a", "name": "b"}', 422, "duplicate_key", "more than once"),
        (b'{"data": {"a": NaN}}', 422, "invalid_number", "NaN"),
        (b'{"data": {"a": -Infinity}}', 422, "invalid_number", "Infinity"),
        (b'{"data": {"a": 1e400}}', 422, "invalid_number", "1e400"),
        (b'{"data": {"a": ' + b"7" * 5_000 + b"}}", 422, "invalid_number", "64 bits"),
        (b'{"name": "\\ud800"}', 422, "invalid_unicode", "surrogate"),
        (b'{"name": "a\\u0000b"}', 422, "nul", "U+0000"),
        (b'{"data": {"a": "' + b"x" * (256 * 1024 + 1) + b'"}}', 422, "too_long", "262144"),
        (b'{"nmae": "x"}', 422, "unknown_field", "nmae"),
        (b'{"name": 3}', 422, "type", "string"),
        (b'{"data": []}', 422, "type", "an object"),
        (b'{"timezone": "Mars/Base"}', 422, "unknown_timezone", "Mars/Base"),
        (b'{"timezone": "../../etc/passwd"}', 422, "unknown_timezone", "IANA"),
        (b'{"email": "a@b.example\\r\\nBcc: x@y.example"}', 422, "invalid_email", "control"),
        (b'{"name": "a\\r\\nX: y"}', 422, "invalid_name", "control"),
        (b'{"email": "a@b.example,c@d.example"}', 422, "invalid_email", "exactly one"),
        (b'{"email": "' + b"l" * 65 + b'@b.example"}', 422, "invalid_email", "too long"),
        (b'{"email": "a@[127.0.0.1]"}', 422, "invalid_email", "IP address"),
        (b'{"locale": "not a language"}', 422, "invalid_locale", "language tag"),
        (b'{"data": {' + b",".join(b'"%d":1' % i for i in range(101)) + b"}}", 422, "too_many", "100"),
    ],
)
async def test_a_bad_body_is_answered_in_our_words(api: Api, raw: bytes, status: int, code: str, said: str) -> None:
    reply = await api.call("PUT", "/v1/recipients/never", raw=raw)
    assert (reply.status, reply.code) == (status, code), reply
    assert said in reply.json["detail"]
    assert (await api.call("GET", "/v1/recipients/never")).status == 404


async def test_an_unknown_field_is_put_right_where_one_is_near(api: Api) -> None:
    reply = await put(api, b'{"emial": "a@example.com", "wrong": 1}')
    said = {one["pointer"]: one["detail"] for one in reply.json["errors"]}
    assert said == {
        "/emial": "there is no field `emial` here: did you mean `email`?",
        "/wrong": "there is no field `wrong` here",
    }
    body = {"recipients": [{"emial": "a@example.com"}, {"topc": "x"}, {"topic": "x", "id": "y"}], "paylod": {}}
    reply = await api.call("POST", "/v1/workflows/any/trigger", body)
    said = {one["pointer"]: one["detail"].partition(": did you mean ")[2] for one in reply.json["errors"]}
    assert said == {
        "/recipients/0/emial": "`email`?",
        "/recipients/1/topc": "`topic`?",
        "/recipients/2/id": "",
        "/paylod": "`payload`?",
    }
    assert "did you mean `limit`?" in (await api.call("GET", "/v1/messages?limt=1")).json["detail"]


async def test_what_is_needed_is_said_where_one_of_several_will_do(api: Api) -> None:
    nameless = {"recipients": [{"name": "Ann"}]}
    for path, body, said in (
        ("/v1/workflows/any/trigger", nameless, "`id`"),
        ("/v1/recipients/ann/feed/read", {}, "give either `ids` or `all`: true"),
    ):
        reply = await api.call("POST", path, body)
        assert (reply.status, reply.code) == (422, "missing")
        assert said in reply.json["errors"][0]["detail"]


async def test_a_command_that_needs_to_say_nothing_may_say_nothing(api: Api) -> None:
    for path in ("/v1/queues/email/redrive", "/v1/queues/email/clean", "/v1/retention/run"):
        assert (await api.call("POST", path)).status == 200
        assert (await api.call("POST", path, raw=b"")).status == 200


async def test_every_fault_is_named_at_once(api: Api) -> None:
    reply = await put(api, b'{"email": "x", "name": "", "locale": 1, "timezone": "X", "more": 1}')
    assert reply.code == "invalid"
    assert sorted(reply.pointers) == ["/email", "/locale", "/more", "/name", "/timezone"]


async def test_bodies_may_have_a_mebibyte_and_bulk_bodies_eight(api: Api) -> None:
    assert (await put(api, padded(MIB))).status in (200, 201)
    assert (await put(api, padded(MIB + 1))).code == "too_large"
    bulk = "/v1/recipients/bulk"
    assert (await api.call("POST", bulk, raw=padded(8 * MIB))).code == "missing"
    assert (await api.call("POST", bulk, raw=padded(8 * MIB + 1))).code == "too_large"


async def test_too_large_is_said_before_anything_is_read(api: Api) -> None:
    async with await Connection.open(api.port) as connection:
        await connection.say(
            request(
                "PUT", "/v1/recipients/x", headers={"content-length": str(MIB + 1), "content-type": "application/json"}
            )
        )
        reply = await connection.hear()
    assert (reply.status, reply.code, reply.headers["connection"]) == (413, "too_large", "close")


async def test_a_chunked_body_over_the_limit_is_cut_off(api: Api) -> None:
    async with await Connection.open(api.port) as connection:
        await connection.say(
            request(
                "PUT",
                "/v1/recipients/x",
                headers={
                    "transfer-encoding": "chunked",
                    "content-type": "application/json",
                    "authorization": f"Bearer {api.keys['one']}",
                },
            )
        )
        for _ in range(17):
            await connection.say(b"10000\r\n" + b" " * 65_536 + b"\r\n")
        reply = await connection.hear()
        await connection.say(b"0\r\n\r\n")
        assert (reply.status, reply.code) == (413, "too_large")
        assert await connection.is_closed()


@pytest.mark.parametrize(
    "framing",
    [
        "Content-Length: -1\r\n",
        "Content-Length: 2\r\nContent-Length: 3\r\n",
        "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: two\r\n",
        "Content-Length: 2\r\nContent-Length: 2\r\n",
        "Content-Length: +2\r\n",
        f"Content-Length: {'9' * 5_000}\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
        "Bad Header: x\r\n",
        "X-Folded: a\r\n b\r\n",
        "X-Bare: a\rb\r\n",
        "X-Nul: a\0b\r\n",
        "Content-Length: 2\r\nHost: y\r\n",
        "Content-Length: 2\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\n",
        "Content-Length: 2\r\nContent-Type: application/json\r\nContent-Type: text/plain\r\n",
        "Content-Length: 2\r\nContent-Encoding: gzip\r\nContent-Encoding: identity\r\n",
    ],
)
async def test_requests_whose_end_is_unclear_are_refused_and_closed(api: Api, framing: str) -> None:
    async with await Connection.open(api.port) as connection:
        await connection.say(f"PUT /v1/recipients/x HTTP/1.1\r\nHost: x\r\n{framing}\r\n{{}}".encode())
        reply = await connection.hear()
        assert (reply.status, reply.code) == (400, "invalid_http")
        assert await connection.is_closed()


async def test_a_broken_chunk_is_refused_and_closed(api: Api) -> None:
    head = {"transfer-encoding": "chunked", "content-type": "application/json"}
    async with await Connection.open(api.port) as connection:
        sent = request("PUT", "/v1/recipients/x", headers=head | {"authorization": f"Bearer {api.keys['one']}"})
        await connection.say(sent + b"zz\r\n")
        reply = await connection.hear()
        assert (reply.status, reply.code) == (400, "invalid_http")
        assert await connection.is_closed()


async def test_headers_may_have_sixteen_kilobytes_in_all(api: Api) -> None:
    assert (await api.call("GET", "/v1/topics/x", headers={"x-padding": "p" * 15_000})).status == 404
    assert (await api.call("GET", "/v1/topics/x", headers={"x-padding": "p" * 17_000})).code == "headers_too_large"
    many = {f"x-{i}": "p" * 10 for i in range(1_000)}
    assert (await api.call("GET", "/v1/topics/x", headers=many)).status == 431


async def test_headers_that_never_end_are_cut_off(api: Api) -> None:
    async with await Connection.open(api.port) as connection:
        await connection.say(b"GET /livez HTTP/1.1\r\nX-Endless: ")
        for _ in range(5):
            await connection.say(b"p" * 32_768)
        assert (await connection.hear()).code == "headers_too_large"


async def test_compressed_bodies_are_not_accepted(api: Api) -> None:
    bomb = gzip.compress(b" " * 10 * MIB)
    for encoding in ("gzip", "br", "identity, gzip"):
        reply = await put(api, bomb, **{"content-encoding": encoding})
        assert (reply.status, reply.code) == (415, "unsupported_encoding")
    async with await Connection.open(api.port) as connection:
        head = {"transfer-encoding": "gzip, chunked", "content-type": "application/json"}
        await connection.say(request("PUT", "/v1/recipients/x", headers=head) + b"2\r\n{}\r\n0\r\n\r\n")
        assert (await connection.hear()).code == "unsupported_encoding"


async def test_a_request_says_its_host_unless_it_is_old(api: Api) -> None:
    for version, status in (("1.1", 400), ("1.0", 200)):
        async with await Connection.open(api.port) as connection:
            await connection.say(f"GET /livez HTTP/{version}\r\n\r\n".encode())
            assert (await connection.hear()).status == status


async def test_headers_that_lists_may_be_split_over_stay_so(api: Api) -> None:
    raw = "GET /livez HTTP/1.1\r\nHost: x\r\nAccept: a/b\r\nAccept: c/d\r\nVia: 1.1 a\r\nVia: 1.1 b\r\n\r\n"
    async with await Connection.open(api.port) as connection:
        await connection.say(raw.encode())
        assert (await connection.hear()).status == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "application/json; charset=latin-1", "json", ""])
async def test_other_kinds_of_body_are_not_accepted(api: Api, kind: str) -> None:
    assert (await put(api, b"{}", **{"content-type": kind})).code == "unsupported_media_type"


@pytest.mark.parametrize(
    "kind", ["application/json", "Application/JSON; charset=UTF-8", 'application/json;charset="utf-8"']
)
async def test_json_may_say_that_it_is_utf8(api: Api, kind: str) -> None:
    assert (await put(api, b"{}", **{"content-type": kind})).status in (200, 201)


@pytest.mark.parametrize("key", ["", "k" * 256, "a\tb", "ключ"])
async def test_an_idempotency_key_has_1_to_255_printable_characters(api: Api, key: str) -> None:
    reply = await api.call(
        "POST", "/v1/recipients/bulk", {"recipients": [{"id": "a"}]}, headers={"Idempotency-Key": key}
    )
    assert (reply.status, reply.code) == (400, "invalid_idempotency_key")


@pytest.mark.parametrize(
    "id", ["a%2Fb", "a%2fb", "a:b", "%2E%2E", "..", "a%00b", "k" * 129, "k" * 10_000, "a%E2%80%AEb", "a%0A", "%FF"]
)
async def test_an_id_has_a_few_plain_characters(api: Api, id: str) -> None:
    reply = await api.call("PUT", f"/v1/recipients/{id}", {})
    assert (reply.status, reply.code) == (422, "invalid_id")


async def test_an_id_in_a_body_is_held_to_the_same(api: Api) -> None:
    bad = ["a/b", "a:b", "..", "x" * 10_000, "a\u202eb", "a\n", ""]
    answer = await api.call("POST", "/v1/recipients/bulk", {"recipients": [{"id": id} for id in bad]})
    assert [one["errors"][0]["code"] for one in answer.json["results"]] == ["invalid_id"] * len(bad)


@pytest.mark.parametrize("limit", ["-1", "0", "101", "1000000000", "ten", "", "1.5"])
async def test_a_page_has_1_to_100_items(api: Api, limit: str) -> None:
    await api.call("PUT", "/v1/recipients/user-1", {})
    reply = await api.call("GET", f"/v1/recipients/user-1/feed?limit={limit}")
    assert (reply.status, reply.pointers) == (422, ["?limit"])


async def test_what_a_query_may_not_say(api: Api) -> None:
    path = "/v1/recipients/user-1/feed"
    assert (await api.call("GET", f"{path}?limt=3")).code == "unknown_field"
    assert (await api.call("GET", f"{path}?limit=3&limit=4")).code == "duplicate_key"
    assert (await api.call("GET", f"{path}?status=new")).code == "not_allowed"
    for forged in ("x", "AAAA", "A" * 60, "%00", "ж"):
        reply = await api.call("GET", f"{path}?after={forged.replace('ж', '%D0%B6')}")
        assert (reply.status, reply.code) == (400, "invalid_cursor")


async def test_what_is_not_there_and_what_cannot_be_done(api: Api) -> None:
    assert (await api.call("GET", "/v1/nothing")).code == "not_found"
    assert (await api.call("GET", "/v1/recipients/x/")).code == "not_found"
    reply = await api.call("PATCH", "/v1/recipients/x", {})
    assert (reply.status, reply.code, reply.headers["allow"]) == (405, "method_not_allowed", "DELETE, GET, PUT")


async def test_a_request_id_is_echoed_when_it_is_sane(api: Api) -> None:
    assert (await api.call("GET", "/livez", headers={"X-Request-Id": "abc-1"})).headers["x-request-id"] == "abc-1"
    for odd in ("a b", "x" * 129, "<script>", ""):
        made = (await api.call("GET", "/livez", headers={"X-Request-Id": odd})).headers["x-request-id"]
        assert made.startswith("req_")


async def test_one_connection_carries_many_requests_good_and_bad(api: Api) -> None:
    head = {"authorization": f"Bearer {api.keys['one']}"}
    async with await Connection.open(api.port) as connection:
        for _ in range(3):
            await connection.say(request("PUT", "/v1/recipients/x", body=b"{bad", headers=head))
            assert (await connection.hear()).status == 400
            await connection.say(
                request("PUT", "/v1/recipients/x", body=json.dumps({"name": "X"}).encode(), headers=head)
            )
            assert (await connection.hear()).status in (200, 201)
            await connection.say(request("PUT", "/v1/recipients/x", body=b"{}"))
            assert (await connection.hear()).status == 401


async def test_a_surprise_is_logged_and_told_without_its_words(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    async def burst(*_: object) -> None:
        raise RuntimeError("the password is hunter2")

    monkeypatch.setattr(topics, "get", burst)
    with capture_logs() as logs:
        reply = await api.call("GET", "/v1/topics/x")
    assert (reply.status, reply.code) == (500, "internal")
    assert b"hunter2" not in reply.body
    (failed,) = [line for line in logs if line["event"] == "http.failed"]
    assert failed["request_id"] == reply.json["request_id"]


async def test_a_client_that_leaves_in_the_middle_is_no_surprise(api: Api) -> None:
    with capture_logs() as logs:
        async with await Connection.open(api.port) as connection:
            head = {"content-length": "100", "content-type": "application/json"}
            head["authorization"] = f"Bearer {api.keys['one']}"
            await connection.say(request("PUT", "/v1/recipients/x", headers=head) + b"{")
        await wait_until(lambda: [line for line in logs if line["event"] == "http.answered"], what="the request ended")
    assert not [line for line in logs if line["event"] == "http.failed"]


async def test_the_access_log_has_no_query_and_no_health(api: Api) -> None:
    with capture_logs() as logs:
        await api.call("GET", "/livez")
        await api.call("GET", "/readyz?verbose")
        await api.call("GET", "/v1/triggers?secret=1", headers={"x-request-id": "mine"})
    (line,) = [line for line in logs if line["event"] == "http.answered"]
    assert (line["method"], line["path"], line["status"], line["request_id"]) == ("GET", "/v1/triggers", 422, "mine")
    assert "secret" not in str(logs)
