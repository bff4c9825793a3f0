"""The catcher's HTTP side: JSON for programs, pages for people, nothing for strangers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.support.smtp import Conversation, sample

from clarion import clock
from clarion.dev.catcher import Catcher
from clarion.dev.catcher.login import curve_key, login
from clarion.dev.fakes.chat_message import Said
from clarion.dev.fakes.kept import Kept
from clarion.dev.fakes.pushes import PushesFake
from clarion.dev.fakes.twilio_message import Taken

EVIL = "<script>alert(1)</script>\"'&"
PIXEL = b"\x89PNG\r\n\x1a\nnot really"


@pytest.fixture
async def catcher(tmp_path: Path) -> AsyncIterator[Catcher]:
    async with Catcher(tmp_path) as catcher:
        yield catcher


@pytest.fixture
async def browser(catcher: Catcher) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(catcher.http_url) as session:
        yield session


async def send(catcher: Catcher, *mails: bytes, to: str = "to@example.com") -> None:
    async with Conversation(catcher.smtp_port) as smtp:
        await smtp.say("EHLO me")
        for mail in mails:
            assert (await smtp.mail(mail, to=[to])).startswith("250")


async def json_of(browser: aiohttp.ClientSession, path: str) -> Any:
    async with browser.get(path) as response:
        assert response.status == 200, await response.text()
        return await response.json()


async def page_of(browser: aiohttp.ClientSession, path: str) -> str:
    async with browser.get(path) as response:
        assert response.status == 200
        assert "script" not in response.headers["content-security-policy"]
        return await response.text()


def rich_mail() -> bytes:
    mail = EmailMessage()
    mail["From"] = f"Zoë {EVIL} <hotel@example.com>"
    mail["To"] = "Ada <ada@example.com>"
    mail["Subject"] = f"Prêt à partir {EVIL}"
    mail["Message-ID"] = "<rich@example.com>"
    mail.set_content(f"Text {EVIL}")
    mail.add_alternative(
        f'<html><head><title>x</title></head><body>{EVIL}<img src="cid:logo"><img src="https://example.com/p.png">',
        subtype="html",
    )
    parts = mail.get_payload()
    assert isinstance(parts, list) and isinstance(parts[1], EmailMessage)
    parts[1].add_related(PIXEL, "image", "png", cid="<logo>")
    mail.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="Größe <b>.pdf")
    return mail.as_bytes().replace(b"\n", b"\r\n")


async def test_a_mail_can_be_asked_for_as_json(catcher: Catcher, browser: aiohttp.ClientSession) -> None:
    sent = rich_mail()
    await send(catcher, sent, to="ada@example.com")
    (listed,) = (await json_of(browser, "/api/mails"))["mails"]
    assert listed["subject"] == f"Prêt à partir {EVIL}"
    assert listed["to"] == ["ada@example.com"]
    mail = await json_of(browser, f"/api/mails/{listed['id']}")
    assert mail["envelope"] == {"from": "from@example.com", "to": ["ada@example.com"]}
    assert mail["to"] == "Ada <ada@example.com>"
    assert mail["text"].strip() == f"Text {EVIL}"
    assert "cid:logo" in mail["html"]
    assert ["Message-ID", "<rich@example.com>"] in mail["headers"]
    assert [one["filename"] for one in mail["attachments"]] == ["part-1", "Größe <b>.pdf"]
    async with browser.get(f"/api/mails/{listed['id']}/raw") as response:
        assert await response.read() == sent


async def test_the_list_is_searched_and_paged(catcher: Catcher, browser: aiohttp.ClientSession) -> None:
    for number in range(1, 8):
        await send(catcher, sample(number, 300), to=f"guest{number}@example.com")
    first = await json_of(browser, "/api/mails?limit=3")
    assert [one["id"] for one in first["mails"]] == [7, 6, 5]
    rest = await json_of(browser, f"/api/mails?limit=10&before={first['next']}")
    assert [one["id"] for one in rest["mails"]] == [4, 3, 2, 1]
    assert rest["next"] is None
    for query in ("to=GUEST4", "subject=booking+4", "to=guest4&subject=confirmed"):
        assert [one["id"] for one in (await json_of(browser, f"/api/mails?{query}"))["mails"]] == [4]
    assert (await json_of(browser, "/api/mails?to=guest4&subject=nothing"))["mails"] == []
    assert [word in await page_of(browser, "/?q=guest4") for word in ("guest4@", "guest5@")] == [True, False]
    assert "confirmed" in await page_of(browser, "/?q=BOOKING+4")


async def test_counts_are_exact_and_emptying_resets_them(catcher: Catcher, browser: aiohttp.ClientSession) -> None:
    await send(catcher, sample(1), sample(1), sample(2), to="same@example.com")
    await send(catcher, b"Subject: no id\r\n\r\nx\r\n", to="other@example.com")
    assert await json_of(browser, "/api/counts") == {
        "received": 4,
        "distinct_message_ids": 2,
        "distinct_recipients": 2,
        "kept": 4,
    }
    async with browser.delete("/api/mails") as response:
        assert await response.json() == {"deleted": 4}
    assert set((await json_of(browser, "/api/counts")).values()) == {0}
    async with browser.get("/api/mails/1") as response:
        assert response.status == 404


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "before=-1", "before=²", "limit=" + "9" * 5000])
async def test_a_query_that_makes_no_sense_is_told(browser: aiohttp.ClientSession, query: str) -> None:
    async with browser.get(f"/api/mails?{query}") as response:
        assert response.status == 422


async def test_nothing_of_a_mail_becomes_markup_of_a_page(catcher: Catcher, browser: aiohttp.ClientSession) -> None:
    await send(catcher, rich_mail(), to="x&lt;y@example.com")
    for path in (
        "/",
        f"/?q={EVIL}".replace("&", "%26"),
        *(f"/mails/1?view={v}" for v in ("text", "headers", "source")),
    ):
        text = await page_of(browser, path)
        assert "<script" not in text
        if "source" not in path:
            assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "Größe &lt;b&gt;.pdf" in await page_of(browser, "/mails/1?view=attachments")


async def test_the_mails_own_html_runs_nothing_and_fetches_nothing(
    catcher: Catcher, browser: aiohttp.ClientSession
) -> None:
    await send(catcher, rich_mail())
    page = await page_of(browser, "/mails/1")
    assert '<iframe sandbox="allow-popups allow-popups-to-escape-sandbox"' in page
    async with browser.get("/mails/1/html") as response:
        policy = response.headers["content-security-policy"]
        html = await response.text()
    assert policy.startswith("sandbox allow-popups") and "allow-scripts" not in policy and "script-src" not in policy
    assert "default-src 'none'" in policy and "img-src data:;" in policy
    assert "data:image/png;base64,iVBOR" in html and "cid:" not in html
    assert '<head><base target="_blank">' in html
    async with browser.get("/mails/1/html?images=1") as response:
        assert "img-src data: https: http:;" in response.headers["content-security-policy"]
    async with browser.get("/mails/1/attachments/0") as response:
        assert await response.read() == PIXEL
        assert response.headers["content-type"] == "application/octet-stream"
        assert response.headers["content-disposition"].startswith("attachment")
        assert response.headers["x-content-type-options"] == "nosniff"


async def test_other_websites_are_turned_away(catcher: Catcher, browser: aiohttp.ClientSession) -> None:
    await send(catcher, sample(1))
    async with browser.get("/api/mails", headers={"host": "evil.example"}) as response:
        assert response.status == 421
    for origin in ("https://evil.example", "null"):
        async with browser.post("/clear", headers={"origin": origin}) as response:
            assert response.status == 403
    async with browser.get("/clear") as response:
        assert response.status == 405
    assert catcher.counts().kept == 1
    async with browser.post("/clear", headers={"origin": catcher.http_url}, allow_redirects=False) as response:
        assert response.status == 303
    assert catcher.counts().kept == 0


async def test_pages_know_what_is_not_there(browser: aiohttp.ClientSession) -> None:
    assert "Nothing caught yet" in await page_of(browser, "/")
    for path in ("/mails/1", "/mails/1/html", "/mails/1/attachments/0", "/api/mails/1/raw", "/mails/x", "/nothing"):
        async with browser.get(path) as response:
            assert response.status == 404
    async with browser.get("/?live=1") as response:
        assert response.headers["refresh"] == "2"


async def test_every_view_of_every_shape_of_mail_shows(catcher: Catcher, browser: aiohttp.ClientSession) -> None:
    await send(
        catcher, rich_mail(), b"", b"\r\n", b"Content-Type: text/html\r\n\r\n<p>only html\r\n", sample(1, 400_000)
    )
    for id in range(1, 6):
        for view in ("html", "text", "headers", "source", "attachments"):
            assert "</html>" in await page_of(browser, f"/mails/{id}?view={view}")
    assert "Download all of it" in await page_of(browser, "/mails/5?view=source")


async def test_old_mails_are_counted_and_deleted(
    browser: aiohttp.ClientSession, catcher: Catcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    await send(catcher, sample(1, 100), sample(2, 100))
    now = clock.now_ms()
    monkeypatch.setattr(clock, "now_ms", lambda: now + 8 * 86_400_000)

    async def delete(query: str) -> Any:
        async with browser.delete(f"/api/mails?{query}") as response:
            return await response.json() if response.status == 200 else response.status

    assert await delete("older_than_s=864000") == {"deleted": 0}
    assert await delete("older_than_s=604800&dry_run=true") == {"deleted": 2}
    assert (await json_of(browser, "/api/counts"))["kept"] == 2
    assert await delete("older_than_s=604800") == {"deleted": 2}
    assert (await json_of(browser, "/api/counts"))["kept"] == 0
    assert await delete("older_than_s=-1") == 422


async def test_it_looks_for_old_mails_when_it_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "another"
    async with Catcher(folder) as first:
        await send(first, sample(1, 100))
    now = clock.now_ms()
    monkeypatch.setattr(clock, "now_ms", lambda: now + 8 * 86_400_000)
    async with Catcher(folder, keep_for=timedelta(days=9)) as kept:
        assert kept.counts().kept == 1
    async with Catcher(folder, keep_for=timedelta(days=7)) as old:
        assert old.counts().kept == 0


async def test_text_messages_are_shown_as_they_are_and_found_by_words(tmp_path: Path) -> None:
    texts = [
        Taken(
            sid=f"SM{n}",
            to=f"+4915112345{n:02}",
            sender="Shop",
            body=f"Code {n} {EVIL}",
            status_callback="u",
            status="queued",
        )
        for n in range(60)
    ]
    async with Catcher(tmp_path, texts=texts) as catcher, aiohttp.ClientSession(catcher.http_url) as browser:
        page = await page_of(browser, "/texts?q=code+5")
        assert "<script>" not in page and "Code 59 &lt;script&gt;" in page and "Code 48" not in page
        found = await json_of(browser, "/api/texts?limit=2")
        assert [one["sid"] for one in found["texts"]] == ["SM59", "SM58"] and found["taken"] == 60
        assert "status_callback" not in found["texts"][0]
        assert len((await json_of(browser, "/api/texts"))["texts"]) == 50
        assert "No text message has" in await page_of(browser, "/texts?q=nothing")
        async with browser.get("/api/texts?limit=0") as refused:
            assert refused.status == 422


async def test_what_is_kept_in_memory_has_an_end_and_the_page_says_so(tmp_path: Path) -> None:
    """By number and by size; the oldest go, the newest stays whatever its size."""
    taken: Kept[Said] = Kept(3, 10_000)

    def take(number: int, size: int) -> None:
        taken.append(Said(id=str(number), provider="slack", room="C0", text="x" * size, body={}))

    for number in range(5):
        take(number, 10)
    assert ([one.id for one in taken], taken.gone) == (["2", "3", "4"], 2)
    take(5, 9_900)
    take(6, 9_800)
    take(7, 20_000)
    assert ([one.id for one in taken], taken.gone) == (["7"], 7)
    async with Catcher(tmp_path, chats=taken) as catcher, aiohttp.ClientSession(catcher.http_url) as browser:
        page = await page_of(browser, "/chats")
        assert "The newest 3 are kept" in page and "7 older ones are gone" in page
        assert "are kept" not in await page_of(browser, "/texts")
    taken.clear()
    take(8, 9_000)
    assert ([one.id for one in taken], taken.gone) == (["8"], 0)


def test_the_gateway_opens_to_the_same_login_after_a_new_start(tmp_path: Path) -> None:
    made = login(tmp_path / "caught")
    assert login(tmp_path / "caught") == made
    file = tmp_path / "caught" / "gateway.json"
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_text("{")
    assert login(tmp_path / "caught") != made


async def test_all_channels_are_on_one_page_and_each_on_its_own(tmp_path: Path) -> None:
    said: dict[str, Any] = {"provider": f"slack {EVIL}", "room": f"C0 {EVIL}", "text": f"Hello {EVIL}", "body": {}}
    said["buttons"] = ((f"Open {EVIL}", f"https://x.example/?{EVIL}"),)
    chats = [Said(id=str(number), when="Thu, 26 Nov 2026 10:00:00 GMT", **said) for number in range(120)]
    hook = Said(id="msg_1", provider="order", room="https://x.example/", text="{}", body={})
    more: Any = {"pushes": [], "webhooks": [hook], "tokens": {"fcm": f"token {EVIL}"}}
    async with Catcher(tmp_path, chats=chats, **more) as catcher, aiohttp.ClientSession(catcher.http_url) as browser:
        await send(catcher, rich_mail())
        first, second, third = [await page_of(browser, f"/all{query}") for query in ("", "?skip=50", "?skip=100")]
        assert [page.count('class="facts"') for page in (first, second, third)] == [50, 50, 22]
        assert 'rel="next"' in first and 'rel="next"' not in third and 'rel="first"' in third
        assert first.index("https://x.example/") < first.index("chat message</a>"), "the newest come first"
        assert '<a class="channel" href="/mails/1">mail</a>' in first
        for page in (first, await page_of(browser, "/chats"), await page_of(browser, "/pushes")):
            assert "<script>" not in page and "&lt;script&gt;" in page
        button = 'rel="noreferrer noopener">Open &lt;script&gt;'
        assert [(await page_of(browser, path)).count(button) for path in ("/chats", "/pushes")] == [50, 0]
        assert 'href="/chats" aria-current="page">Chat messages <small>120</small>' in await page_of(browser, "/chats")
        assert 'href="/all">All <small>122</small>' in await page_of(browser, "/")
        assert (await page_of(browser, "/all?q=order")).count('class="facts"') == 1
        assert (await json_of(browser, "/api/pushes"))["tokens"] == more["tokens"]
        for query in ("skip=-1", "skip=10001", "skip=x"):
            async with browser.get(f"/all?{query}") as refused:
                assert refused.status == 422


def test_the_keys_are_the_same_after_a_new_start_and_so_are_the_browsers(tmp_path: Path) -> None:
    first = PushesFake(curve_key=curve_key(tmp_path))
    again = PushesFake(curve_key=curve_key(tmp_path))
    assert first.tokens["webpush"] == again.tokens["webpush"] != PushesFake().tokens["webpush"]
    assert (tmp_path / "gateway-ec.pem").stat().st_mode & 0o777 == 0o600
