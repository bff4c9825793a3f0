"""Where requests may go (BAD-INPUT 51, 52, 53, 55): the URL, the addresses it leads to, and what an operator lists."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address, ip_network

import pytest

from clarion.errors import Invalid
from clarion.http.url_guard import BLOCKED, PORTS, UrlGuard, is_public, parse_url

LOOPBACK = ip_network("127.0.0.0/8")


class Names:
    """A DNS that answers what the test says, one answer after the other."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers.pop(0)


def _refused(url: str, *allowed: str) -> str:
    with pytest.raises(Invalid) as caught:
        UrlGuard([ip_network(block) for block in allowed]).check(parse_url(url))
    assert caught.value.code == "url_not_allowed"
    return caught.value.message


@pytest.mark.parametrize(
    "url",
    [
        *(
            "file:/" + "//etc/passwd",
            "gopher://example.com/",
            "ftp://example.com/",
            "javascript:alert(1)",
            "",
            "https://",
        ),
        *("https:example.com", "//example.com", "example.com", "https:///x", "http://example.com/hook"),
        *("https://user:pass@example.com", "https://user@example.com", "https://example.com@10.0.0.1/"),
        *(
            "https://example.com:22",
            "https://example.com:6379/",
            "https://example.com:0/",
            "https://example.com:65536/",
        ),
        *("https://example.com:-1/", "https://example.com:\u0664\u0664\u0663/", "https://example.com:443:443/"),
        *(
            "https://example.com/#fragment",
            "https://example.com#",
            "https://example.com/\\@10.0.0.1",
            "https://exa mple.com",
        ),
        *(
            "https://example.com\\.evil.com/",
            "https://example.com/\t",
            "https://example.com/\r\nHost: x",
            "https://a\x00b",
        ),
        *(
            "https://-a.example",
            "https://a..example",
            "https://.",
            "https://a%2e.example",
            "https://[::1",
            "https://::1/",
        ),
        *(
            "https://[fe80::1%25eth0]/",
            "https://[v1.x]/",
            "https://example.com/ü",
            f"https://example.com/{'x' * 5_000}",
        ),
        f"https://{'a' * 64}.example/",
    ],
)
def test_what_is_no_url_for_us_is_refused_as_it_is_saved(url: str) -> None:
    _refused(url)


@pytest.mark.parametrize(
    "host",
    [
        *("127.1", "0x7f000001", "2130706433", "0177.0.0.1", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "127.0.0.1."),
        *(
            "100.100.100.200",
            "192.0.0.192",
            "localhost.",
            "localhost",
            "a.localhost",
            "169.254.169.254",
            "[::1]",
            "[::]",
        ),
        *(
            "0.0.0.0",
            "10.1.2.3",
            "172.31.0.1",
            "192.168.0.1",
            "0x7f.1",
            "127.0.0.0x1",
            "\uff11\uff12\uff17.\uff10.\uff10.\uff11",
            "[fd00::1]",
        ),
        *(
            "[2002:7f00:1::]",
            "[fe80::1]",
            "255.255.255.255",
            "224.0.0.1",
            "127\u30020\u30020\u30021",
            "1.2.3.4.5",
            "[::127.0.0.1]",
        ),
    ],
)
async def test_addresses_that_are_not_the_internets_are_refused_however_they_are_written(host: str) -> None:
    _refused(f"https://{host}/hook")
    # … and where the check at the door was passed by, the check before the connection stands.
    with pytest.raises(Invalid):
        await UrlGuard(resolve=Names(["127.0.0.1"])).addresses(parse_url(f"https://{host}/hook"))


@pytest.mark.parametrize("block", BLOCKED, ids=str)
def test_no_address_of_a_blocked_network_is_public(block: object) -> None:
    network = ip_network(str(block))
    for address in (network[0], network[network.num_addresses // 2], network[-1]):
        assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "193.0.6.139"])
def test_the_internets_addresses_are_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("port", sorted(PORTS))
async def test_https_to_a_public_name_goes_to_its_addresses(port: int) -> None:
    url = parse_url(f"https://Hooks.Example.COM.:{port}/a/b?c=%20d")
    UrlGuard().check(url)
    names = Names(["8.8.8.8", "2606:4700:4700::1111"])
    assert await UrlGuard(resolve=names).addresses(url) == ["8.8.8.8", "2606:4700:4700::1111"]
    assert names.asked == ["hooks.example.com"]
    assert (url.path, url.query) == ("/a/b", "c=%20d")
    assert url.authority == ("hooks.example.com" if port == 443 else f"hooks.example.com:{port}")


@pytest.mark.parametrize(
    "second", ["127.0.0.1", "10.0.0.1", "::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "fe80::1%eth0"]
)
async def test_one_private_address_among_public_ones_is_enough_to_refuse(second: str) -> None:
    with pytest.raises(Invalid, match="not in the internet"):
        await UrlGuard(resolve=Names(["8.8.8.8", second])).addresses(parse_url("https://mixed.example/"))


async def test_a_name_that_answers_otherwise_the_second_time_is_caught_then() -> None:
    guard = UrlGuard(resolve=Names(["8.8.8.8"], ["127.0.0.1"]))
    url = parse_url("https://rebinding.example/")
    assert await guard.addresses(url) == ["8.8.8.8"]
    with pytest.raises(Invalid):
        await guard.addresses(url)


async def test_what_an_operator_lists_may_be_reached_by_http_and_on_any_port() -> None:
    url = parse_url("http://127.0.0.1:4711/hook")
    guard = UrlGuard([LOOPBACK])
    guard.check(url)
    assert await guard.addresses(url) == ["127.0.0.1"]
    inside = UrlGuard([ip_network("10.20.0.0/16")], resolve=Names(["10.20.3.4"], ["10.21.3.4"], ["8.8.8.8"]))
    named = parse_url("http://intranet.example:9000/")
    inside.check(named)
    assert await inside.addresses(named) == ["10.20.3.4"]
    for _ in range(2):  # outside of the list; and public, but then only by https
        with pytest.raises(Invalid):
            await inside.addresses(named)
    _refused("http://127.0.0.1:4711/hook", "10.0.0.0/8")
    _refused("http://8.8.8.8/hook", "10.0.0.0/8")


def test_look_alikes_are_shown_as_what_they_are() -> None:
    assert str(parse_url("https://\u0430pple.com/")) == "https://xn--pple-43d.com/"  # the first letter is Cyrillic
    assert parse_url("https://bücher.example/").authority == "xn--bcher-kva.example"


async def test_no_address_is_no_reason_to_refuse_for_good() -> None:
    with pytest.raises(OSError, match="no address"):
        await UrlGuard(resolve=Names([])).addresses(parse_url("https://nowhere.example/"))
