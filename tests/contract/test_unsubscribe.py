"""Links to unsubscribe over HTTP: only a POST changes anything, and only what its token says."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import AsyncIterator, Mapping

import pytest
from structlog.testing import capture_logs
from tests.support.api import SECRET, Api, open_api
from tests.support.http import Connection, Reply, request
from tests.support.postgres import Databases

from clarion import ids
from clarion.api.gate import Visitors
from clarion.api.limits import MAX_VISIT
from clarion.domain.unsubscribe import PATH, Link, Links

ONE_CLICK = b"List-Unsubscribe=One-Click"
FORM = "application/x-www-form-urlencoded"
LINKS = Links(SECRET)


@pytest.fixture(scope="module")
async def module_api(databases: Databases) -> AsyncIterator[Api]:
    async with databases.migrated() as url, open_api(url) as api:
        yield api


@pytest.fixture
async def api(module_api: Api) -> Api:
    await module_api.pool.execute("DELETE FROM suppression")
    return module_api


def token(api: Api, address: str = "ann@example.com", category: str = "news") -> str:
    return LINKS.token(Link(tenant_id=api.tenants["one"], channel="email", address=address, category=category))


async def visit(
    api: Api, method: str, token: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> Reply:
    """One request without a key."""
    async with await Connection.open(api.port) as connection:
        kind = {} if body is None else {"content-type": FORM}
        await connection.say(request(method, f"{PATH}/{token}", body=body, headers={**kind, **(headers or {})}))
        return await connection.hear()


async def stored(api: Api) -> list[tuple[str, str, str, str]]:
    rows = await api.pool.fetch("SELECT channel, address, category, reason FROM suppression ORDER BY id")
    return [tuple(row) for row in rows]


async def test_looking_changes_nothing_and_one_click_unsubscribes(api: Api) -> None:
    link = token(api)
    for _ in range(3):
        page = await visit(api, "GET", link)
        assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert await stored(api) == []
    assert b'<form method="post">' in page.body
    assert b'name="List-Unsubscribe" value="One-Click"' in page.body
    for _ in range(2):
        done = await visit(api, "POST", link, ONE_CLICK)
        assert done.status == 200
        assert b"<form" not in done.body
    expected = ("email", "ann@example.com", "news", "unsubscribe")
    assert await stored(api) == [expected]
    (listed,) = (await api.call("GET", "/v1/suppressions?reason=unsubscribe")).json["items"]
    assert listed["detail"] == "by the link in a message"
    assert (await api.call("GET", "/v1/suppressions", tenant="two")).json["items"] == []


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (FORM, ONE_CLICK),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\n'),
        ("text/plain", b"whatever"),
        (None, None),
    ],
)
async def test_whatever_a_mail_program_sends_along(api: Api, kind: str | None, body: bytes | None) -> None:
    done = await visit(api, "POST", token(api), body, {"content-type": kind} if kind else None)
    assert done.status == 200
    assert len(await stored(api)) == 1


async def test_nothing_is_kept_with_the_visitor_and_nothing_tells_on_them(api: Api) -> None:
    for method in ("GET", "POST"):
        page = await visit(api, method, token(api))
        headers, text = page.headers, page.body.decode()
        assert "set-cookie" not in headers
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-robots-tag"].startswith("noindex")
        assert headers["cache-control"] == "no-store"
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; ")
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        (style,) = re.findall(r"<style>(.*?)</style>", text)
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        assert f"style-src 'sha256-{digest}'" in policy
        assert not re.search(r"https?://|<script|<img|\son\w+=|\sstyle=", text)
        assert "ann@example.com" not in text, "who was forwarded the mail need not read it"
        assert "a…@example.com" in text


async def test_what_a_category_or_an_address_says_is_shown_as_text(api: Api) -> None:
    page = await visit(api, "GET", token(api, "<b>x</b>@y.example", "<script>{address}</script>"))
    assert page.status == 200
    assert b"<script" not in page.body
    assert b"&lt;script&gt;{address}&lt;/script&gt;" in page.body


@pytest.mark.parametrize(
    ("accepts", "language"),
    [
        ("", "en"),
        ("de-AT,de;q=0.9,en;q=0.5", "de"),
        ("fr;q=0.1, es-419;q=0.7", "es"),
        ("nl, en-GB;q=0.8, fr;q=0", "en"),
        ("fr;q=0", "en"),
        ("*;q=x, ;;, de;q=nan", "en"),
        ("FR-ca", "fr"),
    ],
)
async def test_in_the_language_of_who_reads_it(api: Api, accepts: str, language: str) -> None:
    page = await visit(api, "GET", token(api), headers={"accept-language": accepts})
    assert page.headers["content-language"] == language
    assert f'<html lang="{language}">' in page.body.decode()
    assert page.headers["vary"] == "Accept-Language"


async def test_one_that_was_forged_or_cut_off_is_a_page_that_says_nothing(api: Api) -> None:
    good = token(api)
    other = Links(b"the secret of another installation").token(
        Link(tenant_id=api.tenants["one"], channel="email", address="ann@example.com", category="news")
    )
    bodies = set()
    for bad in (
        "x",
        good[:-1],
        good + "A",
        good[:10] + ("A" if good[10] != "A" else "B") + good[11:],
        other,
        "A" * 5_000,
    ):
        for method in ("GET", "POST"):
            page = await visit(api, method, bad, ONE_CLICK if method == "POST" else None)
            assert (page.status, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
            assert page.headers["content-security-policy"].startswith("default-src 'none'")
            bodies.add(page.body)
    assert len(bodies) == 1, "nobody learns why"
    assert await stored(api) == []


async def test_of_a_tenant_that_is_gone_nothing_is_stored(api: Api) -> None:
    link = LINKS.token(Link(tenant_id=ids.new(), channel="email", address="ann@example.com", category="news"))
    assert (await visit(api, "POST", link)).status == 200
    assert await stored(api) == []


async def test_only_what_the_token_says_is_stopped(api: Api) -> None:
    await visit(api, "POST", token(api, category="news"))
    await visit(api, "POST", token(api, "ANN@example.com", "news"))
    await visit(api, "POST", token(api, "bo@example.com", "offers"))
    assert [(address, category) for _, address, category, _ in await stored(api)] == [
        ("ann@example.com", "news"),
        ("bo@example.com", "offers"),
    ]


async def test_other_methods_and_large_bodies_are_refused(api: Api) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    writer.write(f"HEAD {PATH}/{token(api)} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
    said = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert said.startswith(b"HTTP/1.1 200 ") and said.endswith(b"\r\n\r\n"), "what checks links asks so"
    assert await stored(api) == []
    for method in ("PUT", "DELETE", "PATCH"):
        assert (await visit(api, method, token(api))).code == "method_not_allowed"
    assert (await visit(api, "POST", token(api), b"x" * (MAX_VISIT + 1))).code == "too_large"
    assert (await visit(api, "POST", token(api), b"x" * MAX_VISIT)).status == 200


async def test_too_many_from_one_address_are_told_to_wait(database: str) -> None:
    async with open_api(database, visitors=Visitors(per_s=1)) as api:
        replies = [await visit(api, "GET", "x") for _ in range(12)]
        assert [reply.status for reply in replies[:10]] == [404] * 10
        assert replies[-1].code == "too_many_visits"
        assert int(replies[-1].headers["retry-after"]) >= 1


async def test_the_log_has_no_tokens_and_no_addresses(api: Api) -> None:
    link = token(api)
    with capture_logs() as logs:
        for method in ("GET", "POST"):
            await visit(api, method, link)
    told = str(logs)
    assert {"path": "/u/…", "status": 200}.items() <= next(
        one for one in logs if one["event"] == "http.answered"
    ).items()
    (unsubscribed,) = [one for one in logs if one["event"] == "recipient.unsubscribed"]
    assert (unsubscribed["channel"], unsubscribed["category"]) == ("email", "news")
    assert link not in told
    assert "ann@" not in told


async def test_it_is_counted_and_described(api: Api) -> None:
    await visit(api, "GET", token(api))
    await visit(api, "POST", token(api))
    told = (await api.call("GET", "/metrics")).body.decode()
    assert 'clarion_http_requests_total{operation="askToUnsubscribe",status="200"}' in told
    assert 'clarion_http_requests_total{operation="unsubscribe",status="200"}' in told
    described = (await api.call("GET", "/openapi.json")).json["paths"]["/u/{token}"]
    assert described.keys() == {"get", "post"}
    assert all(one["security"] == [] for one in described.values())
