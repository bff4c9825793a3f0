"""No name and no value of a header can start another header."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pytest

from clarion.channels.base import Email
from clarion.channels.email.mime import Builder
from clarion.domain.content import EmailContent
from clarion.errors import Invalid


def build(
    *,
    subject: str = "Hi",
    to: str = "ann@example.com",
    to_name: str | None = None,
    sender: str = "Hotel <hotel@example.com>",
    headers: tuple[tuple[str, str], ...] = (),
) -> bytes:
    mail = Email(
        message_id=uuid.UUID("0198c0de-0000-7000-8000-000000004711"),
        to=to,
        to_name=to_name,
        sender=sender,
        content=EmailContent(subject=subject, html=None, text="Hello"),
        headers=headers,
    )
    return Builder().build(mail, datetime(2026, 3, 1, tzinfo=UTC), eight_bit=False).data


_FORBIDDEN = """
X- X-a:b x-lower X-é bcc Bcc Cc To From Sender Subject Date Message-ID DKIM-Signature Return-Path Content-Type
MIME-Version Received Resent-To reply-to
"""


@pytest.mark.parametrize(
    "name", [*_FORBIDDEN.split(), "", "X-A\r\nBcc", "X-A\n", "X-a b", "X-" + "a" * 61, "X-A\u2028", "X-A\x85"]
)
def test_no_other_field_can_be_set(name: str) -> None:
    with pytest.raises(Invalid) as caught:
        build(headers=((name, "x"),))
    assert caught.value.code == "invalid_header"


_BREAKS = ["\r\n", "\n", "\r", "\0", "\x0b", "\x0c", "\x1c", "\x1f", "\x85", "\u2028", "\u2029", "\ud800"]


@pytest.mark.parametrize("broken", _BREAKS)
def test_no_value_can_start_another_field(broken: str) -> None:
    evil = f"x{broken}Bcc: evil@example.org"
    with pytest.raises(Invalid):
        build(subject=evil)
    with pytest.raises(Invalid):
        build(to_name=evil)
    for sender in (f'"{evil}" <hotel@example.com>', f"hotel@example.com{broken}"):
        with pytest.raises(Invalid):
            build(sender=sender)
    for name in ("X-Order", "Organization", "Reply-To", "List-Id", "References"):
        with pytest.raises(Invalid):
            build(headers=((name, evil),))


@pytest.mark.parametrize("broken", [*_BREAKS, ">\r\nRCPT TO:<evil@example.org", ">", "<", " ", ","])
def test_no_recipient_can_end_its_command(broken: str) -> None:
    with pytest.raises(Invalid) as caught:
        build(to=f"ann@example.com{broken}")
    assert caught.value.code == "invalid_email"


def test_the_same_without_the_break_is_fine() -> None:
    evil = "xBcc: evil@example.org"
    data = build(subject=evil, to_name=evil, headers=(("X-Order", evil), ("Organization", evil)))
    assert b"\r\nBcc:" not in data
