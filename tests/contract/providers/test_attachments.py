"""Files with mails through every provider of mail: they arrive as they were, under their names."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from tests.support.providers import CASES, mail_message

from clarion.channels.email.enclosed import Enclosed, File
from clarion.domain.outcome import Reject, Sent

PDF, PNG = bytes(range(256)) * 40, b"\x89PNG\r\n"
FILES = (
    File(name="Rechnung Müller.pdf", type="application/pdf", content=PDF),
    File(name="logo.png", type="image/png", content=PNG, inline="logo"),
)
#: Name, type, content and the id by which the HTML shows it.
EXPECTED = {("Rechnung Müller.pdf", "application/pdf", PDF, ""), ("logo.png", "image/png", PNG, "logo")}


def of_message(data: bytes) -> set[tuple[str, str, bytes, str]]:
    message = message_from_bytes(data, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return {
        (
            part.get_filename() or "",
            part.get_content_type(),
            part.get_content(),
            str(part["content-id"] or "").strip("<>"),
        )
        for part in message.walk()
        if part.get_filename()
    }


def of_json(files: Any, *keys: str) -> set[tuple[str, str, bytes, str]]:
    name, kind, content, id = keys
    return {
        (one[name], one[kind], base64.b64decode(one[content]), one.get(id, "").removeprefix("cid:")) for one in files
    }


#: What a provider was given, by its fake's ledger.
TAKEN: Mapping[str, Callable[[Any], set[tuple[str, str, bytes, str]]]] = {
    "mailgun": lambda fake: of_message(fake.taken[0].message.encode()),
    "postmark": lambda fake: of_json(fake.taken[0].attachments, "Name", "ContentType", "Content", "ContentID"),
    "resend": lambda fake: of_json(
        fake.taken[0].mail["attachments"], "filename", "content_type", "content", "content_id"
    ),
    "sendgrid": lambda fake: of_json(fake.taken[0].mail["attachments"], "filename", "type", "content", "content_id"),
    "ses": lambda fake: of_message(fake.taken[0].message.encode()),
}


@pytest.mark.parametrize("kind", [kind for kind in CASES if kind in TAKEN])
async def test_files_arrive_as_they_were(kind: str) -> None:
    case = CASES[kind]()
    async with case.running():
        provider = case.provider()
        try:
            mail = case.item()._replace(enclosed=Enclosed(FILES))
            (outcome,) = await provider.send([mail])
            assert isinstance(outcome, Sent), outcome
            assert TAKEN[kind](case.fake) == EXPECTED  # type: ignore[attr-defined]
            (plain,) = await provider.send([case.item()])
            assert isinstance(plain, Sent), plain
            huge = File(name="huge.bin", type="application/octet-stream", content=bytes(45_000_000))
            (refused,) = await provider.send([case.item()._replace(enclosed=Enclosed([huge]))])
            assert isinstance(refused, Reject)
            assert refused.code == "too_large"
        finally:
            await provider.close()


def test_every_provider_of_mail_is_here() -> None:
    assert {kind for kind, case in CASES.items() if "Email" in str(case.item.__annotations__.get("return"))} == set(
        TAKEN
    )
    assert mail_message().enclosed is None
