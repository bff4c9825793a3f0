"""Opens and clicks, whole: off unless wanted, by links that lead nowhere else, people and machines apart."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from tests.support.api import SECRET, open_api
from tests.support.house import House, open_house
from tests.support.http import Connection, Reply, request
from tests.support.wait import wait_until

from clarion import ids
from clarion.api.gate import Visitors
from clarion.domain.engagement import Trace, Traces
from clarion.ids import Prefix
from clarion.store import engagement

ADDRESS = "https://notify.example"
PERSON = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Thunderbird/140.0"
SETTINGS = {
    "CLARION_PUBLIC_URL": ADDRESS,
    "CLARION_SECRET": SECRET.decode(),
    "CLARION_TRACKING_OPENS": "news",
    "CLARION_TRACKING_CLICKS": "news",
}
FILES = {
    "clarion.toml": '[email]\nfrom = "shop@shop.example"\n',
    "workflows/news.yaml": "category: news\nsteps: [{channel: email}]\n",
    "workflows/quiet.yaml": "category: news\ntrack: none\nsteps: [{channel: email}]\n",
    "workflows/receipt.yaml": "steps: [{channel: email}]\n",
}
PAGE = """---
subject: Hello
---
<html><body><p>Look at <a href="https://shop.example/offer?who={{ recipient.id }}&amp;x=1">this</a>.</p></body></html>
"""


@pytest.fixture
async def house(database: str, tmp_path: Path) -> AsyncIterator[House]:
    files = {**FILES, **{f"templates/{name}/email.html": PAGE for name in ("news", "quiet", "receipt")}}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    async with open_house(database, project=tmp_path, env=SETTINGS, keep_data=True) as house:
        yield house


async def send(house: House, workflow: str, recipient: str = "ann") -> tuple[str, str]:
    """The id of a message that was sent, and the HTML of its mail."""
    trigger = await house.trigger({"recipients": [{"id": recipient, "email": f"{recipient}@example.com"}]}, workflow)
    await house.finished(trigger)
    (message,) = (await house.messages(trigger)).values()
    body = message_from_bytes(house.smtp.accepted[-1].data, policy=policy.default).get_body(("html",))
    assert body is not None
    return message["id"], body.get_content()


async def later(house: House) -> None:
    """An hour passes for all that was sent."""
    await house.api.pool.execute("UPDATE message SET sent_at = sent_at - interval '1 hour'")


async def visit(house: House, url: str, agent: str = PERSON, method: str = "GET") -> Reply:
    headers = {"user-agent": agent} if agent else {}
    async with await Connection.open(house.api.port) as connection:
        await connection.say(request(method, url.removeprefix(ADDRESS), headers=headers))
        return await connection.hear()


def links(html: str) -> tuple[str, str]:
    """The picture and the link."""
    (picture,) = re.findall(r'<img src="(https://notify\.example/o/[^"]*)"', html)
    (link,) = re.findall(r'<a href="(https://notify\.example/c/[^"]*)"', html)
    return picture, link


async def done(house: House, id: str, count: int) -> dict[tuple[str, bool], Mapping[str, Any]]:
    """What the API says was done with a message, once that is so many kinds."""
    found: dict[tuple[str, bool], Mapping[str, Any]] = {}

    async def there() -> bool:
        shown = await house.get(f"/v1/messages/{id}")
        found.update({(one["kind"], one["machine"]): one for one in shown["engagement"]})
        return len(found) >= count

    await wait_until(there, 10, f"{count} kinds of it")
    return found


async def test_what_is_not_wanted_is_not_touched(house: House) -> None:
    for workflow in ("quiet", "receipt"):
        id, html = await send(house, workflow)
        assert "notify.example" not in html
        assert "https://shop.example/offer?who=ann&amp;x=1" in html
        assert (await house.get(f"/v1/messages/{id}"))["engagement"] == []


async def test_who_opens_and_clicks_is_told_of_and_led_on(house: House) -> None:
    id, html = await send(house, "news")
    picture, link = links(html)
    assert "shop.example" not in html
    reply = await visit(house, picture)  # within seconds of sending: nobody reads so fast
    assert (reply.status, reply.headers["content-type"]) == (200, "image/gif")
    assert reply.body.startswith(b"GIF89a")
    assert set(await done(house, id, 1)) == {("opened", True)}
    shown = await house.get(f"/v1/messages/{id}")
    assert (shown["opened_at"], shown["clicked_at"]) == (None, None)

    await later(house)
    assert (await visit(house, link, "curl/8.5")).headers["location"] == "https://shop.example/offer?who=ann&x=1"
    assert (await visit(house, link, method="HEAD")).status == 302
    replies = await asyncio.gather(*(visit(house, link) for _ in range(20)))
    assert {one.headers["location"] for one in replies} == {"https://shop.example/offer?who=ann&x=1"}
    assert all("no-store" in one.headers["cache-control"] for one in replies)
    found = await done(house, id, 3)
    assert {key: one["hits"] for key, one in found.items()} == {
        **{("opened", True): 1, ("clicked", True): 1},
        ("clicked", False): 20,
    }
    shown = await house.get(f"/v1/messages/{id}")
    assert shown["clicked_at"] == shown["opened_at"] == found["clicked", False]["first_at"], "who clicked has opened it"
    await visit(house, picture)
    await done(house, id, 4)
    assert (await house.get(f"/v1/messages/{id}"))["opened_at"] == shown["opened_at"]
    assert shown["status"] == "sent", "the status is what became of it, not who read it"
    await house.check()


async def test_what_was_not_made_here_leads_nowhere(house: House) -> None:
    id, html = await send(house, "news")
    picture, link = links(html)
    forged = Traces(b"a guess").token(
        Trace(tenant_id=house.api.tenants["one"], message_id=ids.parse(Prefix.MESSAGE, id), url="https://evil.example")
    )
    for path in (f"/c/{forged}", link[:-1], link.replace("/c/", "/c/x"), picture.replace("/o/", "/c/"), "/c/https:"):
        reply = await visit(house, path)
        assert (reply.status, "location" in reply.headers) == (404, False), path
    for path in (f"/o/{forged}", picture[:-1], link.replace("/c/", "/o/")):
        assert (await visit(house, path)).body.startswith(b"GIF89a")
    # Of another tenant: never made, and counts nothing. Of a message that is gone: still leads where it led.
    two = house.api.tenants["two"]
    other = Traces(SECRET).token(Trace(tenant_id=two, message_id=ids.parse(Prefix.MESSAGE, id)))
    gone = Traces(SECRET).token(Trace(tenant_id=two, message_id=ids.new(), url="https://bücher.example/ü?a=%20"))
    assert (await visit(house, f"/o/{other}")).status == 200
    # In a header there is ASCII alone: what is to be asked of DNS is written as DNS has it.
    led = "https://xn--bcher-kva.example/%C3%BC?a=%20"
    assert (await visit(house, f"/c/{gone}")).headers["location"] == led
    await later(house)
    await visit(house, picture)
    assert set(await done(house, id, 1)) == {("opened", False)}
    assert await house.api.pool.fetchval("SELECT count(*) FROM engagement") == 1


async def test_what_the_database_did_not_take_is_written_with_what_comes_next(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    id, html = await send(house, "news")
    picture, link = links(html)
    await later(house)
    note, statements = engagement.note, 0

    async def broken(*_: object) -> int:
        raise ConnectionResetError("the database is away")

    monkeypatch.setattr(engagement, "note", broken)
    with capture_logs() as logs:
        await asyncio.gather(*(visit(house, picture) for _ in range(10)))
        await wait_until(lambda: any(one["event"] == "engagement.not_kept" for one in logs), 10, "the failure")

    async def counted(*given: Any) -> int:
        nonlocal statements
        statements += 1
        return await note(*given)

    monkeypatch.setattr(engagement, "note", counted)
    await asyncio.gather(*(visit(house, link) for _ in range(10)))
    found = await done(house, id, 2)
    assert {key: one["hits"] for key, one in found.items()} == {("opened", False): 10, ("clicked", False): 10}
    assert statements <= 2, "a statement for all that come within a moment"


async def test_who_asks_too_often_is_put_off_and_unsubscribing_goes_on(database: str) -> None:
    async with open_api(database, readers=Visitors(per_s=1)) as api:
        statuses = []
        for path in (*["/o/x"] * 12, "/u/x"):
            async with await Connection.open(api.port) as connection:
                await connection.say(request("GET", path))
                statuses.append((await connection.hear()).status)
    assert statuses == [*[200] * 10, 429, 429, 404]
