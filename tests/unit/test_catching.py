"""Which webhooks a catcher gets: those that could leave this machine and the networks that an operator lists."""

from __future__ import annotations

from ipaddress import ip_network
from urllib.parse import parse_qs

import pytest

from clarion.http.catching import Catching
from clarion.http.url_guard import parse_url

CATCHER = "http://127.0.0.1:9/caught"


@pytest.mark.parametrize(
    ("url", "is_caught"),
    [
        ("https://shop.example/hooks/clarion", True),
        ("https://shop.example:8443/hooks?a=1&b=%20", True),
        ("https://93.184.216.34/x", True),
        ("https://[2606:2800:220:1::1]/x", True),
        ("https://10.21.0.9/x", True),  # not listed: the guard would refuse it, and so does nobody but the catcher
        ("https://10.20.0.9/x", False),
        ("http://10.20.0.9:3000/x", False),
        ("http://127.0.0.1:3000/x", False),
        ("https://localhost:3000/x", False),
        ("http://app.localhost:3000/x", False),
        ("http://shop.internal/x", False),  # plain HTTP: the guard lets it through to listed networks alone
        ("https://shop.internal/x", True),
    ],
)
def test_what_may_leave_is_caught_and_what_stays_is_posted(url: str, is_caught: bool) -> None:
    catching = Catching(CATCHER, [ip_network("127.0.0.0/8"), ip_network("10.20.0.0/16")])
    where = catching.caught(parse_url(url))
    assert (where is not None) is is_caught
    if where is not None:
        assert str(where).startswith(CATCHER + "?url=")
        assert parse_qs(where.query) == {"url": [str(parse_url(url))]}
        catching.guard.check(where)


def test_without_a_network_of_ones_own_all_is_caught_but_plain_http() -> None:
    catching = Catching(CATCHER, [])
    assert catching.caught(parse_url("https://127.0.0.1/x")) is not None
    assert catching.caught(parse_url("http://127.0.0.1/x")) is not None, "an address that is not listed"
    assert catching.caught(parse_url("http://shop.internal/x")) is None, "which the guard then refuses"


def test_the_longest_url_is_cut_for_the_catcher() -> None:
    where = Catching(CATCHER, []).caught(parse_url("https://shop.example/" + "%3f" * 600))
    assert where is not None and len(str(where)) < 2_000
