"""Files within mails: what another parser reads, what they are called, and what is refused."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.dkim import a_signer, both, verified

from clarion.channels.base import Email
from clarion.channels.email.enclosed import Enclosed, File
from clarion.channels.email.letters import Letters
from clarion.channels.email.mime import Builder, Letter
from clarion.domain.attachment import (
    LONGEST_NAME,
    Reference,
    Rules,
    check_inline,
    clean_name,
    clean_type,
    digest_of,
    id_of,
)
from clarion.domain.content import EmailContent
from clarion.domain.outcome import Reject
from clarion.errors import Invalid

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
SEEN = st.characters(exclude_categories=["Cs", "Cc", "Cf", "Zl", "Zp"])
NAMES = st.text(SEEN, max_size=LONGEST_NAME - 5).map(lambda text: clean_name(f"{text}x.pdf"))
FILES = st.lists(
    st.builds(
        File,
        name=NAMES,
        type=st.sampled_from(["application/pdf", "image/png", "text/plain", "application/octet-stream"]),
        content=st.binary(max_size=300),
        inline=st.none() | st.sampled_from(["logo", "a.b_c-9"]),
    ),
    min_size=1,
    max_size=4,
)


def a_mail(files: list[File], *, html: str | None = "<img src='cid:logo'>", text: str = "Grüße\n") -> Email:
    return Email(
        message_id=uuid.uuid4(),
        to="ada@example.net",
        to_name=None,
        sender="Shop <shop@example.com>",
        content=EmailContent("Files", html, text),
        enclosed=Enclosed(files),
    )


@given(files=FILES, html=st.none() | st.just("<p>Grüße</p>"), eight_bit=st.booleans())
def test_another_parser_finds_the_same_files(files: list[File], html: str | None, eight_bit: bool) -> None:
    letter = Builder().build(a_mail(files, html=html), NOW, eight_bit=eight_bit)
    data = letter.whole()
    assert len(data) == letter.size
    assert b"\r\n." not in letter.more
    assert all(len(line) <= 998 for line in data.split(b"\r\n"))
    message = message_from_bytes(data, policy=policy.default)
    assert isinstance(message, EmailMessage)
    for part in message.walk():
        assert not part.defects
        assert not any(getattr(value, "defects", ()) for value in part.values())
    inside = [part for part in message.walk() if not part.is_multipart()]
    words = 1 if html is None else 2
    found = [
        (part.get_filename(), part.get_content_type(), part.get_payload(decode=True), part["content-id"])
        for part in inside[words:]
    ]
    order = sorted(files, key=lambda file: file.inline is None)
    assert found == [
        (file.name, file.type, file.content, f"<{file.inline}>" if file.inline else None) for file in order
    ]
    body = message.get_body(("html", "plain"))
    assert body is not None
    assert body.get_content().strip() == (html or "Grüße")


def test_the_structure_is_what_mail_programs_expect() -> None:
    picture = File(name="logo.png", type="image/png", content=b"png", inline="logo")
    invoice = File(name="invoice.pdf", type="application/pdf", content=b"pdf")

    def structure(files: list[File], html: str | None) -> list[str]:
        data = Builder().build(a_mail(files, html=html), NOW, eight_bit=False).whole()
        return [part.get_content_type() for part in message_from_bytes(data, policy=policy.default).walk()]

    words = ["multipart/alternative", "text/plain", "text/html"]
    assert structure([invoice, picture], "<p>") == [
        *("multipart/mixed", "multipart/related"),
        *words,
        *("image/png", "application/pdf"),
    ]
    assert structure([picture], "<p>") == ["multipart/related", *words, "image/png"]
    assert structure([invoice], "<p>") == ["multipart/mixed", *words, "application/pdf"]
    assert structure([invoice], None) == ["multipart/mixed", "text/plain", "application/pdf"]


def test_the_octets_of_files_are_shared_and_signed_with_the_rest() -> None:
    mail = a_mail([File(name="a.pdf", type="application/pdf", content=bytes(range(256)) * 400)], text="a \n\n")
    signer = a_signer()
    letters = Letters(from_domains=frozenset({"*"}), max_size=10**7, signer=signer)
    one, two = (letters.compose(mail._replace(message_id=uuid.uuid4()), eight_bit=True) for _ in range(2))
    assert isinstance(one, Letter)
    assert isinstance(two, Letter)
    assert one.more is two.more
    assert one.more is mail.enclosed.tail if mail.enclosed else False
    signed = signer.sign(one.data, one.keys, at=int(NOW.timestamp()), more=one.more)
    assert verified(signed + one.more, both()) == [True, True]
    assert verified(signed + one.more.replace(b"AAEC", b"AAED", 1), both()) == [False, False]


def test_a_mail_whose_files_are_too_large_is_refused_before_it_is_built() -> None:
    mail = a_mail([File(name="a.bin", type="application/octet-stream", content=b"x" * 50_000)])
    refused = Letters(from_domains=frozenset({"*"}), max_size=60_000).compose(mail, eight_bit=True)
    assert isinstance(refused, Reject)
    assert refused.code == "too_large"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../x.pdf", "x.pdf"),
        ("C:\\Users\\a\\invoice.pdf", "invoice.pdf"),
        ('a" b;c.pdf', 'a" b;c.pdf'),
        ("Rechnung Müller 日本.pdf", "Rechnung Müller 日本.pdf"),
        (" .hidden ", "hidden"),
        ("archive.zip", "archive.zip"),
    ],
)
def test_a_name_is_cleaned(given: str, kept: str) -> None:
    assert clean_name(given) == kept


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ('a"\r\nX: y', "invalid_name"),
        ("a\x00b", "invalid_name"),
        ("photo\u202egpj.exe", "invalid_name"),
        ("../..", "invalid_name"),
        ("", "invalid_name"),
        ("x" * 151, "invalid_name"),
        ("setup.exe", "forbidden_type"),
        ("setup.EXE ", "forbidden_type"),
        ("a.pdf.js", "forbidden_type"),
    ],
)
def test_a_name_is_refused(given: str, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        clean_name(given)
    assert caught.value.code == code


def test_types_ids_and_hosts() -> None:
    assert clean_type("application/PDF; charset=x", "a") == "application/pdf"
    assert clean_type("bad\r\ntype", "a.png") == "image/png"
    assert clean_type(None, "noending") == "application/octet-stream"
    assert clean_type("message/rfc822", "a.eml") == "application/octet-stream"
    assert clean_type("multipart/mixed", "a") == "application/octet-stream"
    digest = bytes(range(32))
    assert digest_of(id_of(digest)) == digest
    for wrong in ("att_", "att_" + "g" * 64, "msg_" + "0" * 64, "att_" + "0" * 63):
        with pytest.raises(Invalid):
            digest_of(wrong)
    rules = Rules(hosts=["files.shop.example", "*.cdn.example"])
    assert [
        rules.allows_host(host) for host in ("files.shop.example", "a.cdn.example", "cdn.example", "x.example")
    ] == [
        *(True, True),
        *(False, False),
    ]
    assert not Rules().allows_host("files.shop.example")
    assert Rules(hosts=["*"]).allows_host("anything.example")
    one = Reference(url="https://files.shop.example/a.pdf", name="a.pdf", inline="logo")
    assert Reference.from_json(one.to_json()) == one
    for wrong in ("a b", "", "<x>", "x" * 65, "a\r\nb"):
        with pytest.raises(Invalid):
            check_inline(wrong)
