"""Mails assembled by hand mean what the standard library's parser reads from them."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.headerregistry import AddressHeader
from email.message import EmailMessage
from typing import cast

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from clarion.channels.base import Email
from clarion.channels.email.mime import Builder, Letter
from clarion.domain.content import EmailContent
from clarion.errors import Invalid

NOW = datetime(2026, 3, 1, 12, 30, 15, 999_000, tzinfo=UTC)
ID = uuid.UUID("0198c0de-0000-7000-8000-000000004711")

_SCRIPTS = (
    "abc XYZ 019 .,;:!?()<>@[]\\\"'=_-+/#%&*{}|~`$^ "
    "äöüßéèñçøåł ΑΒΓαβγς БДЖбджё עברית العربية हिन्दी ไทย 日本語 中文 한국어 "
    "🎉👩‍👩‍👧🏳️‍🌈 \u0301\u200d\u202e\u00a0\u3000"
)
#: Running text as people write it, and as they should not: long words, odd spaces, things that look encoded.
_WORDS = st.one_of(
    st.text(st.sampled_from(_SCRIPTS), max_size=60),
    st.text(st.sampled_from("abcdefgh ij "), max_size=300),
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\u2028\u2029"), max_size=80),
    st.builds(lambda c, n: c * n, st.sampled_from(["x", "é", "🎉", " ", "ab "]), st.integers(0, 1200)),
    st.sampled_from(["", " ", "=?utf-8?b?SGk=?=", "a =?utf-8?q?x?= b", "tab\there", "  two  spaces  ", "Re: [x] (y)"]),
)
_LINES = st.one_of(
    _WORDS,
    st.sampled_from(["", ".", "..", ".hidden", "trailing  ", "\t", "From here", "--=_", "a=3D", "x" * 998, "x" * 999]),
)
_BODIES = st.builds(
    lambda lines, end: end.join(lines), st.lists(_LINES, max_size=12), st.sampled_from(["\n", "\r\n", "\r", "\n\n"])
)


def a_mail(
    *,
    subject: str = "Hi",
    text: str = "Hello",
    html: str | None = None,
    to: str = "ann@example.com",
    to_name: str | None = None,
    sender: str = "Hotel <hotel@example.com>",
    headers: tuple[tuple[str, str], ...] = (),
) -> Email:
    return Email(
        message_id=ID,
        to=to,
        to_name=to_name,
        sender=sender,
        content=EmailContent(subject=subject, html=html, text=text),
        headers=headers,
    )


def build(mail: Email, *, eight_bit: bool = False) -> Letter:
    return Builder().build(mail, NOW, eight_bit=eight_bit)


def parsed(letter: Letter) -> EmailMessage:
    """What the standard library reads, with nothing left that it finds defective."""
    message = message_from_bytes(letter.data, policy=policy.default)
    assert isinstance(message, EmailMessage)
    for part in message.walk():
        assert not part.defects
        for name, value in part.items():
            assert not getattr(value, "defects", ()), (name, value)
    return message


def canonical(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def content(part: EmailMessage) -> str:
    """A part's text with plain line ends, decoded by hand: `get_content` is not exact about the last line end."""
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return canonical(payload.decode())


def mailbox(letter: Letter, message: EmailMessage, field: str) -> tuple[str, str]:
    """The one name and address in *field*.

    A name of encoded words is read by the library's older decoder: its newer one, as of Python 3.11, turns a tab in
    them into a space and leaves a space between them, which RFC 2047 §6.2 says must go.
    """
    (found,) = cast(AddressHeader, message[field]).addresses
    raw = str(message_from_bytes(letter.data)[field])
    if "=?utf-8?b?" not in raw:
        return found.display_name, found.addr_spec
    return str(make_header(decode_header(raw.rpartition("<")[0].rstrip(" \r\n")))), found.addr_spec


def check_wire(letter: Letter) -> None:
    """Only CRLF ends lines, no line is too long, all is ASCII but what says that it is not."""
    assert letter.data.endswith(b"\r\n")
    lines = letter.data.split(b"\r\n")
    for line in lines:
        assert b"\r" not in line and b"\n" not in line and b"\0" not in line
        assert len(line) <= 998
        if b"=?utf-8?b?" in line and line in letter.data.partition(b"\r\n\r\n")[0]:
            assert len(line) <= 76
    head, _, rest = letter.data.partition(b"\r\n\r\n")
    assert head.isascii() or letter.smtputf8
    assert rest.isascii() is not letter.eight_bit


@given(subject=_WORDS, name=_WORDS, text=_BODIES, html=st.none() | _BODIES, eight_bit=st.booleans())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example(subject="x" * 990, name="y" * 990, text="", html="", eight_bit=False)
@example(subject="a " * 500, name="Ann", text=".\r\n..\r\n", html="é" * 3000, eight_bit=True)
def test_the_standard_library_reads_what_we_wrote(
    subject: str, name: str, text: str, html: str | None, eight_bit: bool
) -> None:
    letter = build(a_mail(subject=subject, to_name=name, text=text, html=html), eight_bit=eight_bit)
    check_wire(letter)
    message = parsed(letter)
    assert (message["Content-Transfer-Encoding"] == "8bit") is letter.eight_bit
    assert message["Subject"] == subject
    assert mailbox(letter, message, "To") == (name, "ann@example.com")
    plain = message.get_body(("plain",))
    assert plain is not None
    if html is None:
        assert message.get_content_type() == "text/plain"
        assert content(cast(EmailMessage, plain)).removesuffix("\n") == canonical(text).removesuffix("\n")
    else:
        assert message.get_content_type() == "multipart/alternative"
        assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
        page = message.get_body(("html",))
        assert page is not None
        assert content(cast(EmailMessage, plain)) == canonical(text)
        assert content(cast(EmailMessage, page)) == canonical(html)


@given(name=_WORDS, value=_WORDS)
@settings(max_examples=250, deadline=None)
def test_names_of_senders_and_further_fields_are_read_back(name: str, value: str) -> None:
    assume(name.strip() == name)
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    letter = build(a_mail(sender=f'"{quoted}" <hotel@example.com>', headers=(("X-Order", value),)))
    check_wire(letter)
    message = parsed(letter)
    assert mailbox(letter, message, "From") == (name, "hotel@example.com")
    assert message["X-Order"] == value


def test_the_fields_of_every_mail() -> None:
    letter = build(a_mail(to_name="Ann Lee"))
    message = parsed(letter)
    assert message.keys()[:7] == ["From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Auto-Submitted"]
    assert message["Message-ID"] == f"<msg_{ID.hex}@example.com>"
    assert message["Date"].datetime == NOW.replace(microsecond=0)
    assert message["Auto-Submitted"] == "auto-generated"
    assert (letter.sender, letter.recipient, letter.smtputf8) == ("hotel@example.com", "ann@example.com", False)


def test_the_message_id_stays_the_same_and_the_date_moves_on() -> None:
    builder = Builder(message_id_domain="mail.example.org")
    letters = [builder.build(a_mail(), at, eight_bit=False) for at in (NOW, NOW + timedelta(hours=1))]
    first, second = (message_from_bytes(letter.data, policy=policy.default) for letter in letters)
    assert first["Message-ID"] == second["Message-ID"] == f"<msg_{ID.hex}@mail.example.org>"
    assert second["Date"].datetime - first["Date"].datetime == timedelta(hours=1)


def test_a_boundary_that_stands_in_the_text_is_not_used() -> None:
    text = f"--=_{ID.hex}\n--=_{ID.hex}--\n--=_{ID.hex}_\n"
    message = parsed(build(a_mail(text=text, html="<p>" + text)))
    first, second = message.iter_parts()
    assert content(cast(EmailMessage, first)) == text
    assert content(cast(EmailMessage, second)) == "<p>" + text


def test_an_international_address_needs_smtputf8_and_stands_unencoded() -> None:
    letter = build(a_mail(to="jörg@exämple.de", to_name="Jörg"))
    assert letter.smtputf8
    assert letter.recipient == "jörg@xn--exmple-cua.de"
    assert "To: =?utf-8?b?SsO2cmc=?= <jörg@xn--exmple-cua.de>\r\n".encode() in letter.data
    assert not build(a_mail(to="joerg@exämple.de")).smtputf8


def test_reply_to_and_list_fields_are_allowed() -> None:
    unsubscribe = "<https://example.com/u/" + "x" * 200 + ">, <mailto:u@example.com>"
    letter = build(
        a_mail(headers=(("Reply-To", "Büro <Desk@Example.com>"), ("List-Unsubscribe", unsubscribe), ("X-A", "1")))
    )
    check_wire(letter)
    message = message_from_bytes(letter.data, policy=policy.default)
    assert message["Reply-To"].addresses[0].display_name == "Büro"
    assert message["Reply-To"].addresses[0].addr_spec == "Desk@example.com"
    assert message["List-Unsubscribe"] == unsubscribe
    assert message["X-A"] == "1"


def test_half_a_character_in_a_body_is_refused_with_its_own_code() -> None:
    with pytest.raises(Invalid) as caught:
        build(a_mail(text="a\ud83db"))
    assert caught.value.code == "invalid_text"


@pytest.mark.parametrize(
    ("text", "encoding", "eight_bit"),
    [
        ("plain\n", "7bit", "7bit"),
        ("x" * 998, "7bit", "7bit"),
        ("x" * 999, "base64", "base64"),
        ("ü", "base64", "8bit"),
        ("ü" * 499, "base64", "8bit"),
        ("ü" * 500, "base64", "base64"),
        ("a\0b", "base64", "base64"),
        ("ä\0b", "base64", "base64"),
        ("x\n" * 600 + "y" * 998 + "\nz", "7bit", "7bit"),
        ("x\n" * 600 + "y" * 999 + "\nz", "base64", "base64"),
    ],
)
def test_the_encoding_follows_the_text_and_the_server(text: str, encoding: str, eight_bit: str) -> None:
    for wanted, allowed in ((encoding, False), (eight_bit, True)):
        letter = build(a_mail(text=text), eight_bit=allowed)
        check_wire(letter)
        message = parsed(letter)
        assert message["Content-Transfer-Encoding"] == wanted
        assert content(message).rstrip("\n") == text.rstrip("\n")


def test_a_mail_is_eight_bit_as_a_whole_when_one_of_its_parts_is() -> None:
    letter = build(a_mail(text="plain", html="<p>Grüße</p>"), eight_bit=True)
    message = parsed(letter)
    encodings = [part["Content-Transfer-Encoding"] for part in message.walk()]
    assert (letter.eight_bit, encodings) == (True, ["8bit", "7bit", "8bit"])
