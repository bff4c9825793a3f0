"""How mails are made to tell of opens and clicks, and that no link of ours leads where nobody meant it to."""

from __future__ import annotations

import re
import time
from html import unescape
from uuid import UUID

import pytest

from clarion.domain.content import EmailContent
from clarion.domain.engagement import Kind, Trace, Traces, is_machine
from clarion.domain.step import Channel, ChannelStep
from clarion.domain.workflow import Workflow
from clarion.flows.tracking import Tracking

SECRET = b"the secret of an installation"
TRACES = Traces(SECRET)
URL = "https://notify.example/x"
TENANT, MESSAGE = UUID(int=1), UUID(int=2)
ROW = {"id": MESSAGE, "tenant_id": TENANT}
BOTH = frozenset(Kind)


def marked(html: str | None, wanted: frozenset[Kind] = BOTH) -> str:
    content = EmailContent(subject="Hello", html=html, text="Hello https://shop.example")
    found = Tracking(TRACES, URL).mark(content, ROW, wanted)
    assert (found.subject, found.text) == (content.subject, content.text)
    return found.html or ""


def led_to(html: str) -> list[str | None]:
    """Where the links in *html* lead by way of us."""
    tokens = re.findall(rf'(?i)href ?= ?"{re.escape(URL)}/c/([^"]*)"', html)
    traces = [TRACES.read(token) for token in tokens]
    assert all(one and (one.tenant_id, one.message_id) == (TENANT, MESSAGE) for one in traces)
    return [one.url for one in traces if one]


def test_links_lead_by_way_of_us_and_a_picture_stands_at_the_end() -> None:
    html = (
        "<html><body><p>Hi <A class='x' HREF='https://shop.example/a?b=1&amp;c=%20d'>there</A>"
        '<a href="https://shop.example/">home</a><a href = "https://shop.example/">again</a></body></html>'
    )
    found = marked(html)
    assert led_to(found) == ["https://shop.example/a?b=1&c=%20d", "https://shop.example/", "https://shop.example/"]
    assert "shop.example" not in found
    (picture,) = re.findall(r'<img src="([^"]*)"[^>]*></body></html>$', found)
    assert TRACES.read(picture.removeprefix(f"{URL}/o/")) == Trace(tenant_id=TENANT, message_id=MESSAGE)
    assert marked(html) == found, "the same at every attempt"


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("https://x.example/?a=1&timestamp=2&copy=3&region=eu", "https://x.example/?a=1&timestamp=2&copy=3&region=eu"),
        ("https://x.example/?a=1&amp;timestamp=2&#38;b=3&#x26;c", "https://x.example/?a=1&timestamp=2&b=3&c"),
        ("https://x.example/?&copy;=&copy&notit;&nothing;&", "https://x.example/?©=©&notit;&nothing;&"),
        ("https://x.example/ü?q=%20+a%2Bb;c", "https://x.example/ü?q=%20+a%2Bb;c"),
    ],
)
def test_a_link_leads_where_a_browser_would_have_gone(written: str, url: str) -> None:
    assert led_to(marked(f'<a href="{written}">x</a>', frozenset({Kind.CLICKED}))) == [url]


@pytest.mark.parametrize(
    "link",
    [
        *('href="mailto:a@b.example"', 'href="#top"', 'href="/path"', 'href="tel:+31612345678"', 'href=""'),
        *(f'href="{URL}/u/token"', 'href="javascript:alert(1)"', f'href="https://x.example/{"y" * 2_000}"'),
        *('data-href="https://shop.example"', 'name="https://shop.example"', 'href="https://x.example/&#10;y"'),
    ],
)
def test_what_is_no_link_to_elsewhere_stays_as_it_is(link: str) -> None:
    html = f"<p><a {link}>x</a><img src='https://shop.example/x.png'><link href='https://shop.example/x.css'></p>"
    assert marked(html, frozenset({Kind.CLICKED})) == html


def test_only_what_is_wanted_is_done() -> None:
    html = '<a href="https://shop.example">x</a>'
    assert "/o/" not in marked(html, frozenset({Kind.CLICKED}))
    assert html in marked(html, frozenset({Kind.OPENED}))
    assert marked(None) == ""


def test_a_link_leads_only_where_its_token_says() -> None:
    token = TRACES.token(Trace(tenant_id=TENANT, message_id=MESSAGE, url="https://shop.example/ü?q=1"))
    assert token is not None
    assert TRACES.read(token) == Trace(tenant_id=TENANT, message_id=MESSAGE, url="https://shop.example/ü?q=1")
    for place in range(len(token)):
        assert TRACES.read(token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]) is None
    for wrong in ("", "x", token[:-1], token + "A", token * 50, "ü", "https://evil.example"):
        assert TRACES.read(wrong) is None
    assert Traces(b"another").read(token) is None
    assert Traces(b"another", SECRET).read(token) is not None
    assert "shop" not in token


def workflow(category: str | None, track: frozenset[Kind] | None = None) -> Workflow:
    return Workflow(
        key="w", steps=(ChannelStep(channel=Channel.EMAIL, key="email", template="w"),), category=category, track=track
    )


def test_it_is_off_unless_a_category_or_the_workflow_says_so() -> None:
    off, some = Tracking(TRACES, URL), Tracking(TRACES, URL, opens=["news"], clicks=["*"])
    for category in (None, "news"):
        assert off.wanted(workflow(category)) == frozenset()
        assert off.wanted(workflow(category, BOTH)) == BOTH
        assert some.wanted(workflow(category, frozenset())) == frozenset()
    assert some.wanted(workflow("news")) == BOTH
    assert some.wanted(workflow(None)) == some.wanted(workflow("other")) == {Kind.CLICKED}
    for track in (None, frozenset(), BOTH, frozenset({Kind.CLICKED})):
        assert Workflow.from_json(workflow("news", track).to_json()) == workflow("news", track)


@pytest.mark.parametrize(
    ("agent", "machine"),
    [
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)", False),
        ("Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)", False),
        ("YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html", False),
        ("Mozilla/5.0", True),
        ("", True),
        ("curl/8.5.0", True),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", True),
        ("Mozilla/5.0 HeadlessChrome/120.0.0.0 Safari/537.36", True),
        ("python-requests/2.32", True),
    ],
)
def test_who_shows_to_be_a_machine(agent: str, machine: bool) -> None:
    assert is_machine({"user-agent": agent}) is machine
    assert is_machine({"user-agent": agent, "sec-purpose": "prefetch;prerender"})


def test_html_made_to_be_slow_is_not() -> None:
    for html in ("<a " * 100_000, '<a href="https://x' * 50_000, "<a" + " href" * 100_000, "</body" * 100_000):
        began = time.perf_counter()
        marked(html)
        assert time.perf_counter() - began < 2.0
    links = '<a href="https://shop.example/&amp;">x</a>' * 1_000
    assert [unescape(one or "") for one in led_to(marked(links))] == ["https://shop.example/&"] * 1_000
