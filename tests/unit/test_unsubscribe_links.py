"""Links to unsubscribe: nobody reads in them, nobody makes one up, and they fit where they must."""

from __future__ import annotations

import base64
import string
import uuid
from email import message_from_bytes, policy

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.test_mime import a_mail, build

from clarion.channels.email.header import HARD_LINE
from clarion.domain.address import ADDRESS_LIMIT
from clarion.domain.unsubscribe import PATH, Link, Links
from clarion.flows.unsubscribe import Offers

SECRET = b"a secret of tests, long enough to be one"
LINKS = Links(SECRET)
TENANT = uuid.UUID("0198c0de-0000-7000-8000-000000000001")
ANN = Link(tenant_id=TENANT, channel="email", address="ann@example.com", category="news")
_ALPHABET = string.ascii_letters + string.digits + "-_"
_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=64)
_LINK = st.builds(Link, tenant_id=st.uuids(), channel=st.sampled_from(["email", "sms"]), address=_TEXT, category=_TEXT)


@given(_LINK)
def test_what_was_put_in_comes_out_and_is_the_same_every_time(link: Link) -> None:
    token = LINKS.token(link)
    assert Links(SECRET).read(token) == link
    assert Links(SECRET).token(link) == token
    assert set(token) <= set(_ALPHABET)
    assert Links(SECRET + b"!").read(token) is None


@given(st.data())
def test_not_one_letter_can_be_changed(data: st.DataObject) -> None:
    token = LINKS.token(ANN)
    place = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.sampled_from([one for one in _ALPHABET if one != token[place]]))
    assert LINKS.read(token[:place] + letter + token[place + 1 :]) is None
    assert LINKS.read(token[:place]) is None
    assert LINKS.read(token + letter) is None


@given(
    st.one_of(st.text(max_size=200), st.binary(max_size=200).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
)
def test_what_was_not_made_here_says_nothing(token: str) -> None:
    assert LINKS.read(token) is None


def test_an_old_secret_still_opens_and_closes_nothing_any_more() -> None:
    new = Links(b"the next secret of the installation", SECRET, b"one of long before")
    assert new.read(LINKS.token(ANN)) == ANN
    assert new.token(ANN) != LINKS.token(ANN)
    assert new.read(new.token(ANN)) == ANN
    assert LINKS.read(new.token(ANN)) is None


def test_a_huge_one_is_not_even_looked_at() -> None:
    assert LINKS.read("A" * 1_000_000) is None
    assert LINKS.read("\ud800") is None


def test_nothing_of_an_address_is_in_it() -> None:
    token = LINKS.token(ANN)
    sealed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    for part in (b"ann", b"example", b"news", b"email", TENANT.bytes[:6]):
        assert part not in sealed
    others = [
        LINKS.token(Link(tenant_id=TENANT, channel="email", address=f"ann{number}@example.com", category="news"))
        for number in range(100)
    ]
    assert len({other[:22] for other in others}) == 100, "their beginnings have nothing in common"


def test_it_is_not_another_seal_of_the_installation() -> None:
    """Cursors and keys are made of the same secret, each for its own purpose."""
    from clarion.api.paging import Cursors

    cursor = Cursors(SECRET).write(TENANT, PATH, "x" * 40)
    assert LINKS.read(cursor) is None


def test_headers_are_written_only_where_a_button_may_be_shown() -> None:
    url = f"https://notify.example{PATH}/{LINKS.token(ANN)}"
    assert Offers(LINKS, "https://notify.example").headers(url) == (
        ("List-Unsubscribe", f"<{url}>"),
        ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
    )
    assert Offers(LINKS, "https://notify.example", one_click=False).headers(url) == ()
    assert Offers(LINKS, "http://notify.example").headers(url) == (), "RFC 8058 wants HTTPS"
    assert Offers(LINKS, "https://notify.example").headers(url + "x" * 1_000) == ()


def test_the_longest_link_stands_in_one_line_of_a_mail_as_it_is() -> None:
    """An address in a header must not be folded, and no line has more than 998 octets."""
    address = "a" * 64 + "@" + ".".join(["d" * 59] * 3) + ".example"
    assert len(address) <= ADDRESS_LIMIT
    longest = Link(tenant_id=TENANT, channel="email", address=address, category="c" * 128)
    token = LINKS.token(longest)
    assert LINKS.read(token) == longest
    url = f"https://{'n' * 60}.example/a/path/behind/a/proxy{PATH}/{token}"
    headers = Offers(LINKS, "https://notify.example").headers(url)
    data = build(a_mail(headers=headers)).data
    lines = data.split(b"\r\n")
    assert f"List-Unsubscribe: <{url}>".encode() in lines
    assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click" in lines
    assert max(map(len, lines)) <= HARD_LINE
    read = message_from_bytes(data, policy=policy.default)
    assert str(read["List-Unsubscribe"]) == f"<{url}>"
