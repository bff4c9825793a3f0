"""Files with mails through every provider of mail, ours and their own libraries: they arrive as they were."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Mapping
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial
from typing import Any

import boto3
import pytest
import resend
from botocore.config import Config
from mailgun.client import Client as MailgunClient
from postmark import Attachment as PostmarkFile
from postmark import ServerClient
from sendgrid import SendGridAPIClient
from sendgrid.helpers.mail import Attachment as SendGridFile
from sendgrid.helpers.mail import ContentId, Disposition, FileContent, FileName, FileType, Mail
from tests.support.providers import (
    ACCESS_KEY,
    AWS_SECRET,
    CASES,
    MAIL_DOMAIN,
    MAIL_KEY,
    RESEND_KEY,
    SENDGRID_KEY,
    SERVER_TOKEN,
    mail_message,
)

from clarion.channels.email.enclosed import Enclosed, File
from clarion.dev.fakes.resend_rules import content_of
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
            assert TAKEN[kind](case.fake) == EXPECTED
            (plain,) = await provider.send([case.item()])
            assert isinstance(plain, Sent), plain
            huge = File(name="huge.bin", type="application/octet-stream", content=bytes(45_000_000))
            (refused,) = await provider.send([case.item()._replace(enclosed=Enclosed([huge]))])
            assert isinstance(refused, Reject)
            assert refused.code == "too_large"
        finally:
            await provider.close()


LOGO = '<p><img src="cid:logo">Hello</p>'


async def by_sendgrid(case: Any) -> None:
    message = Mail("shop@shop.example", "a@example.com", "Hi", plain_text_content="Hi", html_content=LOGO)
    for name, kind, content, id in sorted(EXPECTED):
        encoded = FileContent(base64.b64encode(content).decode())
        disposition = Disposition("inline" if id else "attachment")
        message.add_attachment(
            SendGridFile(encoded, FileName(name), FileType(kind), disposition, ContentId(id) if id else None)
        )
    answer = await asyncio.to_thread(SendGridAPIClient(SENDGRID_KEY, host=case.fake.url).send, message)
    assert answer.status_code == 202


async def by_postmark(case: Any) -> None:
    files = [
        PostmarkFile(
            Name=name,
            Content=base64.b64encode(content).decode(),
            ContentType=kind,
            ContentID=id or None,
            ContentLength=None,
        )
        for name, kind, content, id in ((n, k, c, i and f"cid:{i}") for n, k, c, i in sorted(EXPECTED))
    ]
    mail = {"sender": "shop@shop.example", "to": "a@example.com", "subject": "Hi", "html_body": LOGO}
    async with ServerClient(SERVER_TOKEN, retries=0, base_url=case.fake.url) as library:
        assert (await library.outbound.send({**mail, "attachments": files})).success


async def by_resend(case: Any) -> None:
    """Once in base64, once in numbers, which its library has for octets."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resend, "api_url", case.fake.url)
        patch.setattr(resend, "api_key", RESEND_KEY)
        patch.setattr(resend, "default_http_client", resend.RequestsClient())
        mail = {"from": "Shop <shop@shop.example>", "to": ["a@example.com"], "subject": "Hi", "html": LOGO}
        for encode in (lambda content: base64.b64encode(content).decode(), list):
            files = [
                {"filename": name, "content_type": kind, "content": encode(content)}
                | ({"content_id": id} if id else {})
                for name, kind, content, id in sorted(EXPECTED)
            ]
            sent: Any = mail | {"attachments": files}
            assert (await asyncio.to_thread(resend.Emails.send, sent))["id"]
    in_numbers = case.fake.taken.pop().mail["attachments"]
    assert {content_of(one) for one in in_numbers} == {PDF, PNG}


async def by_mailgun(case: Any) -> None:
    """As a whole message; and in parts, where what is inline is called by its name."""
    with MailgunClient(auth=("api", MAIL_KEY), api_url=case.fake.url) as library:
        library._session.trust_env = False
        whole, parted = (partial(one.create, domain=MAIL_DOMAIN) for one in (library.mimemessage, library.messages))
        files: Any = {"message": written()}
        assert (await asyncio.to_thread(whole, data={"to": "a@example.com"}, files=files)).status_code == 200
        parts = [("attachment", ("Rechnung.pdf", PDF, "application/pdf")), ("inline", ("logo", PNG, "image/png"))]
        data = {"from": "Shop <shop@shop.example>", "to": "a@example.com", "subject": "Hi", "html": LOGO, "text": "Hi"}
        assert (await asyncio.to_thread(parted, data=data, files=parts)).status_code == 200
    found = [(one["field"], one["name"], base64.b64decode(one["content"])) for one in case.fake.taken.pop().files]
    assert found == [("attachment", "Rechnung.pdf", PDF), ("inline", "logo", PNG)]


async def by_ses(case: Any) -> None:
    keys = {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": AWS_SECRET, "region_name": "eu-west-1"}
    client = boto3.client("sesv2", endpoint_url=case.fake.url, config=Config(proxies={}), **keys)
    content, to = {"Raw": {"Data": written()}}, {"ToAddresses": ["a@example.com"]}
    assert (await asyncio.to_thread(client.send_email, Content=content, Destination=to))["MessageId"]
    client.close()


def written() -> bytes:
    """A mail with both files as the standard library writes it, which is how these libraries are used with files."""
    mail = EmailMessage(policy=policy.SMTP)
    mail["From"], mail["To"], mail["Subject"] = "shop@shop.example", "a@example.com", "Hi"
    mail.set_content("Hi")
    mail.add_alternative(LOGO, subtype="html")
    for name, kind, content, id in sorted(EXPECTED):
        main, _, sub = kind.partition("/")
        if id:
            html = mail.get_body(("html",))
            assert isinstance(html, EmailMessage)
            html.add_related(content, main, sub, cid=f"<{id}>", filename=name, disposition="inline")
        else:
            mail.add_attachment(content, main, sub, filename=name)
    return mail.as_bytes()


LIBRARIES = {
    "mailgun": by_mailgun,
    "postmark": by_postmark,
    "resend": by_resend,
    "sendgrid": by_sendgrid,
    "ses": by_ses,
}


@pytest.mark.parametrize("kind", [kind for kind in CASES if kind in TAKEN])
async def test_the_providers_own_library_sends_the_same_files(kind: str) -> None:
    """What the fake makes of them is what it makes of ours: adapter and fake share no misreading."""
    case = CASES[kind]()
    async with case.running():
        await LIBRARIES[kind](case)
        assert TAKEN[kind](case.fake) == EXPECTED


def test_every_provider_of_mail_is_here() -> None:
    assert {kind for kind, case in CASES.items() if "Email" in str(case.item.__annotations__.get("return"))} == set(
        TAKEN
    )
    assert mail_message().enclosed is None
